//! A subscriber with everything that a test looks at.

use std::sync::{Arc, Mutex};

use doorward_events::Received;
use doorward_events::subscribe::store::{Memory, Store};
use doorward_events::subscribe::{
    About, Builder, Context, Failure, Fault, Fork, Gap, Hooks, Policies, Subscriber, Verdict, Why,
};
use doorward_events::types::VisitSecured;
use uuid::Uuid;

/// What handlers got and hooks were told.
#[derive(Default)]
pub struct Notes {
    calls: Mutex<Vec<(Uuid, Context)>>,
    told: Mutex<Vec<String>>,
}

impl Hooks for Notes {
    fn duplicate(&self, _: About) {
        self.tell("duplicate");
    }
    fn ignored(&self, _: About, why: Why) {
        self.tell(format!("ignored {why}"));
    }
    fn failed(&self, _: About, fault: &Fault) {
        self.tell(match fault {
            Fault::Handler(why) => format!("failed {why}"),
            other => format!("failed {other:?}"),
        });
    }
    fn gap(&self, gap: &Gap) {
        let what = if gap.lost { "lost" } else { "late" };
        self.tell(format!("{what} {}..{} {}", gap.first, gap.last, gap.event_type));
    }
    fn journal_forked(&self, _: &Fork) {
        self.tell("forked");
    }
}

impl Notes {
    fn tell(&self, what: impl Into<String>) {
        self.told.lock().unwrap().push(what.into());
    }

    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    pub fn called(&self) -> Vec<Uuid> {
        self.calls.lock().unwrap().iter().map(|(id, _)| *id).collect()
    }

    pub fn last(&self) -> Context {
        self.calls.lock().unwrap().last().unwrap().1.clone()
    }
}

pub struct Stand {
    pub notes: Arc<Notes>,
    pub store: Arc<dyn Store>,
}

impl Stand {
    pub fn new() -> Self {
        Self::on(Arc::new(Memory::new(1000)))
    }

    pub fn on(store: Arc<dyn Store>) -> Self {
        Self { notes: Arc::default(), store }
    }

    pub fn builder(&self, policies: Policies) -> Builder {
        let hooks = Arc::clone(&self.notes);
        Subscriber::builder("billing", policies, Arc::clone(&self.store)).hooks(hooks)
    }

    /// A handler of any type that answers so.
    pub fn handler<D, A>(
        &self,
        answer: A,
    ) -> impl Fn(Received<D>, Context) -> std::future::Ready<Result<(), Failure>>
    + Send
    + Sync
    + 'static
    + use<D, A>
    where
        A: Fn(u32) -> Result<(), Failure> + Send + Sync + 'static,
    {
        let notes = Arc::clone(&self.notes);
        move |event, context| {
            let answer = answer(context.attempt);
            notes.calls.lock().unwrap().push((event.envelope.id, context));
            std::future::ready(answer)
        }
    }

    /// A subscriber whose handler of `visit.secured` always succeeds.
    pub fn willing(&self, policies: Policies) -> Subscriber {
        self.builder(policies).on(self.handler::<VisitSecured, _>(|_| Ok(()))).build().unwrap()
    }
}

pub async fn take(subscriber: &Subscriber, delivery: &str) -> Verdict {
    subscriber.take(delivery.as_bytes(), 1).await
}

/// What becomes of a delivery under these policies: the word, and the pointer of a dead letter.
pub async fn fate(policies: Policies, delivery: &str) -> (&'static str, Option<String>) {
    let stand = Stand::new();
    let verdict = take(&stand.willing(policies), delivery).await;
    let handled = !stand.notes.called().is_empty();
    match verdict {
        Verdict::Acknowledge if handled => ("handled", None),
        Verdict::Acknowledge => ("ignored", None),
        Verdict::Again { .. } => ("again", None),
        Verdict::DeadLetter(reason) => {
            assert!(!handled, "{reason:?}");
            (reason.why.as_str(), reason.pointer)
        }
    }
}

/// The reason and the pointer of the dead letter that the strict subscriber makes of it.
pub async fn dead(delivery: &str) -> (&'static str, Option<String>) {
    fate(Policies::strict(), delivery).await
}

pub fn at(why: &'static str, pointer: &str) -> (&'static str, Option<String>) {
    (why, Some(pointer.to_owned()))
}
