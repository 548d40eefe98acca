//! Listing, counting, reading.

use mainspring_core::job::State;
use mainspring_core::store::{Filter, PAGE_MAX, Page};

use super::env::{Env, due, id, job, name, succeed};

pub(super) async fn what_is_not_there_is_none(env: Env) {
    env.add(0, job(1)).await;
    assert_eq!(env.find(2).await, None);
    assert!(env.history(2).await.is_empty());
    let many = env.store.get_many(vec![id(2), id(1), id(1)]).await;
    let many = many.unwrap_or_default();
    let seen: Vec<_> = many.iter().map(|it| it.as_ref().map(|it| it.id)).collect();
    assert_eq!(seen, [None, Some(id(1)), Some(id(1))]);
}

pub(super) async fn pages_go_from_the_newest_to_the_oldest(env: Env) {
    env.enqueue(0, vec![job(3), job(1), job(5), job(2), job(4)])
        .await;
    let page = |before: Option<u8>| Page {
        before: before.map(id),
        limit: 2,
    };
    assert_eq!(
        env.list(Filter::default(), page(None)).await,
        [id(5), id(4)]
    );
    assert_eq!(
        env.list(Filter::default(), page(Some(4))).await,
        [id(3), id(2)]
    );
    assert_eq!(env.list(Filter::default(), page(Some(2))).await, [id(1)]);
    assert!(env.list(Filter::default(), page(Some(1))).await.is_empty());
}

pub(super) async fn a_page_has_a_limit(env: Env) {
    let jobs = (0..=u8::MAX).map(job).collect();
    env.enqueue(0, jobs).await;
    for (limit, jobs) in [(usize::MAX, PAGE_MAX), (0, 0)] {
        let page = Page {
            before: None,
            limit,
        };
        assert_eq!(env.list(Filter::default(), page).await.len(), jobs);
    }
}

pub(super) async fn filters_narrow_a_listing(env: Env) {
    let (mut queue, mut kind, mut tag) = (job(2), job(3), job(4));
    queue.queue = name("mail");
    kind.kind = name("other");
    tag.meta.tags = vec![name("blue"), name("red")];
    env.enqueue(0, vec![due(1, 50), queue, kind, tag]).await;
    let filter = Filter::default;
    for (filter, expected) in [
        (
            Filter {
                state: Some(State::Scheduled),
                ..filter()
            },
            vec![id(1)],
        ),
        (
            Filter {
                queue: Some(name("mail")),
                ..filter()
            },
            vec![id(2)],
        ),
        (
            Filter {
                kind: Some(name("other")),
                ..filter()
            },
            vec![id(3)],
        ),
        (
            Filter {
                tag: Some(name("red")),
                ..filter()
            },
            vec![id(4)],
        ),
        (
            Filter {
                tag: Some(name("re")),
                ..filter()
            },
            vec![],
        ),
        (
            Filter {
                kind: Some(name("k")),
                state: Some(State::Ready),
                ..filter()
            },
            vec![id(4), id(2)],
        ),
    ] {
        assert_eq!(env.list(filter, Page::default()).await, expected);
    }
}

pub(super) async fn counts_follow_every_change(env: Env) {
    env.enqueue(0, vec![job(1), job(2), due(3, 50)]).await;
    let run = env.one(0).await;
    env.finish(1, run.claim, succeed()).await;
    let counts = env.store.counts().await.unwrap_or_default();
    let seen: Vec<_> = counts.iter().map(|it| (it.state, it.jobs)).collect();
    assert_eq!(
        seen,
        [
            (State::Scheduled, 1),
            (State::Ready, 1),
            (State::Succeeded, 1)
        ]
    );
    env.operate(2, 1, mainspring_core::store::Operation::Discard)
        .await;
    let counts = env.store.counts().await.unwrap_or_default();
    assert_eq!(counts.len(), 2, "what is zero is absent");
}
