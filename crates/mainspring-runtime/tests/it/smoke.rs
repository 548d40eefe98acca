//! The shortest life of an app.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring_core::context::Context;
use mainspring_core::error::BoxError;
use mainspring_core::periodic::{Cron, Every};
use mainspring_runtime::app::App;
use mainspring_runtime::component::Component;

use crate::rig::Rig;

struct Cache(Arc<Mutex<Vec<String>>>);

impl Component for Cache {
    fn name(&self) -> &str {
        "cache"
    }

    async fn start(&self, ctx: Context) -> Result<(), BoxError> {
        ctx.sleep(Duration::from_secs(1)).await?;
        let log = Arc::clone(&self.0);
        ctx.spawn("refresh", move |ctx| async move {
            while ctx.sleep(Duration::from_secs(600)).await.is_ok() {
                log.lock().unwrap().push("refresh".to_owned());
            }
            log.lock().unwrap().push("refresh ended".to_owned());
        });
        Ok(())
    }

    async fn stop(&self, _ctx: Context) -> Result<(), BoxError> {
        self.0.lock().unwrap().push("stopped".to_owned());
        Ok(())
    }
}

#[tokio::test]
async fn an_app_lives_through_an_hour() {
    let rig = Rig::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    let ticks = Arc::clone(&log);
    let cron = Arc::clone(&log);
    let app = App::new("test")
        .component(Cache(Arc::clone(&log)))
        .periodic("tick", Every::minutes(20), move |tick| {
            let ticks = Arc::clone(&ticks);
            async move {
                ticks
                    .lock()
                    .unwrap()
                    .push(format!("tick {}", tick.scheduled_for()));
                Ok(())
            }
        })
        .periodic("cron", Cron::new("30 * * * *"), move |tick| {
            let cron = Arc::clone(&cron);
            async move {
                cron.lock()
                    .unwrap()
                    .push(format!("cron {}", tick.scheduled_for()));
                Ok(())
            }
        });
    let running = rig.start(app);
    rig.clock.advance(Duration::from_secs(3601)).await;
    assert!(running.handle.ready().await);
    running.handle.shutdown("done");
    let report = rig.clock.run_until(running.report).await.unwrap();
    println!("{report}");
    println!("{:#?}", log.lock().unwrap());
    assert_eq!(report.exit_code(), 0);
    assert_eq!(rig.clock.activity().live_tasks().len(), 0);
}
