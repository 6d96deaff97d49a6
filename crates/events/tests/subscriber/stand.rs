//! A subscriber with everything that a test looks at.

use std::sync::{Arc, Mutex};

use doorward_events::Received;
use doorward_events::subscribe::store::{Memory, Store};
use doorward_events::subscribe::{Builder, Context, Failure, Policies, Subscriber, Verdict, Why};
use doorward_events::types::VisitSecured;
use uuid::Uuid;

use crate::recorder::Recorder;

/// What a handler got, in order.
pub type Calls = Arc<Mutex<Vec<(Uuid, Context)>>>;

pub struct Stand {
    pub calls: Calls,
    pub hooks: Arc<Recorder>,
    pub store: Arc<dyn Store>,
}

impl Stand {
    pub fn new() -> Self {
        Self::on(Arc::new(Memory::new(1000)))
    }

    pub fn on(store: Arc<dyn Store>) -> Self {
        Self { calls: Calls::default(), hooks: Arc::default(), store }
    }

    pub fn builder(&self, policies: Policies) -> Builder {
        let hooks = Arc::clone(&self.hooks);
        Subscriber::builder("billing", policies, Arc::clone(&self.store)).hooks(hooks)
    }

    /// A handler of `visit.secured` that answers so.
    pub fn secured<A: Fn(u32) -> Result<(), Failure> + Send + Sync + 'static>(
        &self,
        answer: A,
    ) -> impl Fn(Received<VisitSecured>, Context) -> std::future::Ready<Result<(), Failure>>
    + Send
    + Sync
    + 'static
    + use<A> {
        let calls = Arc::clone(&self.calls);
        move |event, context| {
            let answer = answer(context.attempt);
            calls.lock().unwrap().push((event.envelope.id, context));
            std::future::ready(answer)
        }
    }

    /// A strict subscriber whose handler of `visit.secured` always succeeds.
    pub fn willing(&self) -> Subscriber {
        self.builder(Policies::strict()).on(self.secured(|_| Ok(()))).build().unwrap()
    }

    pub fn called(&self) -> Vec<Uuid> {
        self.calls.lock().unwrap().iter().map(|(id, _)| *id).collect()
    }

    pub fn last(&self) -> Context {
        self.calls.lock().unwrap().last().unwrap().1.clone()
    }
}

pub async fn take(subscriber: &Subscriber, delivery: &str) -> Verdict {
    subscriber.take(delivery.as_bytes(), 1).await
}

pub fn is_again(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Again { .. })
}

pub fn dead(verdict: &Verdict) -> Option<Why> {
    match verdict {
        Verdict::DeadLetter(reason) => Some(reason.why),
        _ => None,
    }
}
