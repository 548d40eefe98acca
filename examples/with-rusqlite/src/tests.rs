//! A transfer is booked exactly once, wherever the process dies.

use mainspring::test::{Point, TestApp, minutes};

use super::*;

fn bank(app: &TestApp) -> Bank {
    Bank {
        file: app.database_path(),
    }
}

fn transfer() -> Transfer {
    Transfer {
        to: "ada".to_owned(),
        cents: 300,
    }
}

async fn cents(bank: &Bank) -> i64 {
    let sum = "select coalesce(sum(cents), 0) from accounts";
    let cents = bank.transact(|tx| Ok(tx.query_row(sum, [], |row| row.get(0))?));
    cents.await.unwrap()
}

#[mainspring::test]
async fn a_transfer_is_booked(app: TestApp) {
    let bank = bank(&app);
    let app = app.start(super::app(app.jobs(), bank.clone())).await;
    app.call::<OrderTransfer>(transfer()).await.unwrap();
    app.run_due().await;
    app.assert_ran::<BookTransfer>(|job| job.transfer == 1)
        .await;
    assert_eq!(cents(&bank).await, 300);
}

#[mainspring::test]
async fn a_transfer_is_booked_once_wherever_its_process_dies(app: TestApp) {
    let bank = bank(&app);
    let mut booked = 0;
    for point in Point::ALL {
        let dies = app.start(super::app(app.jobs(), bank.clone())).await;
        dies.crash_worker_at(point);
        dies.call::<OrderTransfer>(transfer()).await.unwrap();
        dies.run_due().await;
        assert!(dies.has_crashed(), "{point:?}");

        let lives = app.start(super::app(app.jobs(), bank.clone())).await;
        lives.advance(minutes(1)).await;
        booked += 300;
        assert_eq!(cents(&bank).await, booked, "{point:?}");
        lives.shutdown("done");
        lives.stopped().await;
    }
}
