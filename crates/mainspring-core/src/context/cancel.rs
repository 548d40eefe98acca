//! The tree of cancellations and deadlines behind contexts.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use crate::cause::Cause;
use crate::time::Monotonic;

/// One place in the tree. A deadline is data, looked at when somebody asks or waits; only
/// cancellations wake.
pub(super) struct Node {
    parent: Option<Arc<Node>>,
    /// Made when somebody waits or cancels: most contexts end without either.
    token: OnceLock<CancellationToken>,
    cancelled: OnceLock<(Monotonic, Cause)>,
    limit: Option<Limit>,
    /// Whether the deadlines above do not count here; cancellations above always do.
    fresh: bool,
}

struct Limit {
    at: Monotonic,
    cause: Cause,
    lifted: AtomicBool,
}

impl Node {
    pub(super) fn root() -> Self {
        Self {
            parent: None,
            token: OnceLock::new(),
            cancelled: OnceLock::new(),
            limit: None,
            fresh: false,
        }
    }

    /// A root with a deadline of its own, if any.
    pub(super) fn limited_root(limit: Option<(Monotonic, Cause)>) -> Self {
        let mut node = Self::root();
        node.limit = limit.map(Limit::new);
        node
    }

    pub(super) fn child(parent: &Arc<Node>, limit: Option<(Monotonic, Cause)>) -> Arc<Self> {
        let mut node = Self::below(parent);
        node.limit = limit.map(Limit::new);
        Arc::new(node)
    }

    /// A child that is cancelled with its parent but does not inherit its deadlines.
    pub(super) fn task(parent: &Arc<Node>) -> Arc<Self> {
        let mut node = Self::below(parent);
        node.fresh = true;
        Arc::new(node)
    }

    /// What whoever waits for a cancellation waits on; below the parent's, so that it cascades.
    pub(super) fn token(&self) -> &CancellationToken {
        let unmade = |node: &&Node| node.token.get().is_none();
        // From the top down: making the parent's inside one's own would recurse once for each.
        let unmade: Vec<_> = self.path().take_while(unmade).skip(1).collect();
        unmade.into_iter().rev().for_each(|node| {
            node.make_token();
        });
        self.make_token()
    }

    fn make_token(&self) -> &CancellationToken {
        let token = self.token.get_or_init(|| match &self.parent {
            Some(parent) => parent.make_token().child_token(),
            None => CancellationToken::new(),
        });
        // Pairs with the one in `cancel`: of the two, at least one sees what the other has done.
        fence(Ordering::SeqCst);
        if self.cancelled.get().is_some() {
            token.cancel();
        }
        token
    }

    /// Cancels this node and all below; the first cause stays. Cheap where nobody waits: every
    /// request ends with it.
    pub(super) fn cancel(&self, now: Monotonic, cause: Cause) {
        // Nobody may see the token cancelled before the cause is there.
        let _ = self.cancelled.set((now, cause));
        fence(Ordering::SeqCst);
        // One that is made later is made cancelled.
        if let Some(token) = self.token.get() {
            token.cancel();
        }
    }

    pub(super) fn lift(&self) {
        if let Some(limit) = &self.limit {
            limit.lifted.store(true, Ordering::SeqCst);
        }
    }

    /// The earliest deadline in force here.
    pub(super) fn deadline(&self) -> Option<Monotonic> {
        self.limits().map(|limit| limit.at).min()
    }

    /// The earliest of all cancellations and passed deadlines on the path; a nearer one wins a tie.
    pub(super) fn cause(&self, now: Monotonic) -> Option<Cause> {
        let cancelled = self.path().filter_map(|node| node.cancelled.get());
        let cancelled = cancelled.map(|(at, cause)| (*at, cause));
        let passed = self.limits().filter(|limit| limit.at <= now);
        let passed = passed.map(|limit| (limit.at, &limit.cause));
        passed
            .chain(cancelled)
            .min_by_key(|(at, _)| *at)
            .map(|(_, cause)| cause.clone())
    }

    fn below(parent: &Arc<Node>) -> Self {
        let mut node = Self::root();
        node.parent = Some(Arc::clone(parent));
        node
    }

    fn path(&self) -> impl Iterator<Item = &Node> {
        std::iter::successors(Some(self), |node| node.parent.as_deref())
    }

    fn limits(&self) -> impl Iterator<Item = &Limit> {
        let mut fresh = false;
        self.path()
            .take_while(move |node| !std::mem::replace(&mut fresh, node.fresh))
            .filter_map(|node| node.limit.as_ref())
            .filter(|limit| !limit.lifted.load(Ordering::SeqCst))
    }
}

impl Limit {
    fn new((at, cause): (Monotonic, Cause)) -> Self {
        Self {
            at,
            cause,
            lifted: AtomicBool::new(false),
        }
    }
}

impl Drop for Node {
    /// Lets a long line of parents go one by one: the compiler's way recurses once for each and
    /// runs out of stack.
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(node) = parent.and_then(Arc::into_inner) {
            parent = { node }.parent.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_made_after_the_cancellation_is_cancelled() {
        let root = Arc::new(Node::root());
        let child = Node::child(&root, None);
        root.cancel(
            Monotonic::from_origin(std::time::Duration::ZERO),
            Cause::from("asked"),
        );
        assert!(root.token.get().is_none(), "nobody waits, so none is made");
        assert!(child.token().is_cancelled());
        assert!(root.token().is_cancelled());
    }
}
