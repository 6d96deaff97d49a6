//! Payloads of a function: batches of a queue, and events of a rule.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_events::Received;
use doorward_events::subscribe::lambda::{
    Answer, ENDING, LambdaError, MAX_PAYLOAD_BYTES, Settings, handle,
};
use doorward_events::subscribe::{
    Context, DeadLetterError, DeadLetters, Failure, Letter, Policies, SendFuture, Subscriber,
};
use doorward_events::types::VisitSecured;
use serde_json::{Value, json};

use crate::samples::{id, visit};
use crate::stand::Stand;

const SETTINGS: Settings = Settings { at_once: 3, time: Duration::from_secs(10) };

/// A letter that was kept: body and attributes.
type Kept = (String, Vec<(&'static str, String)>);

/// Keeps letters, or refuses them.
#[derive(Default)]
struct Letters {
    letters: Mutex<Vec<Kept>>,
    broken: bool,
}

impl DeadLetters for Letters {
    fn send<'a>(&'a self, letter: Letter<'a>) -> SendFuture<'a> {
        let kept = if self.broken {
            Err(DeadLetterError("AccessDenied".to_owned()))
        } else {
            self.letters.lock().unwrap().push((letter.body.to_owned(), letter.attributes));
            Ok(())
        };
        Box::pin(std::future::ready(kept))
    }
}

fn record(n: usize, body: &str, count: u32) -> Value {
    json!({
        "messageId": format!("m{n}"), "receiptHandle": "r", "body": body,
        "attributes": {"ApproximateReceiveCount": count.to_string()},
        "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": "eu-central-1",
    })
}

fn batch(records: &[Value]) -> Vec<u8> {
    json!({"Records": records}).to_string().into_bytes()
}

fn failed(answer: &Answer) -> Vec<&str> {
    answer.failures.iter().map(|failure| failure.message_id.as_str()).collect()
}

/// Fails at the first attempt.
fn second_time(stand: &Stand) -> Subscriber {
    let answer = |attempt| if attempt < 2 { Err(Failure::Again("busy".into())) } else { Ok(()) };
    stand.builder(Policies::strict()).on(stand.secured(answer)).build().unwrap()
}

#[tokio::test]
async fn of_a_batch_only_what_is_open_is_named() {
    let stand = Stand::new();
    let subscriber = second_time(&stand);
    let mut records = vec![
        record(0, &visit(1), 2),
        record(1, &visit(2), 1),
        record(2, "no event", 1),
        record(3, &visit(1), 2),
        record(4, &visit(3), 7),
    ];
    records.push(json!({"messageId": "m5", "body": visit(4), "eventSource": "aws:kinesis"}));
    records.push(json!({"messageId": "m6", "eventSource": "aws:sqs"}));
    let letters = Arc::new(Letters::default());
    let kept = Arc::clone(&letters) as Arc<dyn DeadLetters>;
    let sequential = Settings { at_once: 1, ..SETTINGS };
    let answer = handle(&subscriber, &batch(&records), Some(kept), sequential).await.unwrap();
    assert_eq!(failed(&answer), ["m1", "m5", "m6"]);
    assert_eq!(stand.called(), [id(1), id(2), id(3)]);
    let attempts: Vec<_> = stand.calls.lock().unwrap().iter().map(|(_, it)| it.attempt).collect();
    assert_eq!(attempts, [2, 1, 7]);
    let letters = letters.letters.lock().unwrap().clone();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].0, "no event");
    assert!(letters[0].1.contains(&("reason", "not_json".to_owned())), "{letters:?}");
    let text = serde_json::to_value(&answer).unwrap();
    assert_eq!(text["batchItemFailures"][0], json!({"itemIdentifier": "m1"}));
    assert_eq!(serde_json::to_value(Answer::default()).unwrap(), json!({"batchItemFailures": []}));
}

#[tokio::test]
async fn a_dead_letter_that_nobody_keeps_is_not_settled() {
    let stand = Stand::new();
    let subscriber = stand.willing();
    let payload = batch(&[record(0, "no event", 1), record(1, &visit(1), 1)]);
    let broken: Arc<dyn DeadLetters> = Arc::new(Letters { broken: true, ..Letters::default() });
    for letters in [None, Some(Arc::clone(&broken))] {
        let answer = handle(&subscriber, &payload, letters.clone(), SETTINGS).await.unwrap();
        assert_eq!(failed(&answer), ["m0"]);
        let direct = handle(&subscriber, b"no event", letters, SETTINGS).await;
        assert_eq!(direct, Err(LambdaError::NotSettled));
    }
    assert_eq!(stand.hooks.count("failed DeadLetters"), 2);
}

#[tokio::test]
async fn a_direct_event_succeeds_or_fails_the_invocation() {
    let stand = Stand::new();
    let willing = stand.willing();
    for _ in 0..2 {
        let answer = handle(&willing, visit(1).as_bytes(), None, SETTINGS).await;
        assert_eq!(answer, Ok(Answer::default()));
    }
    assert_eq!(stand.called(), [id(1)]);
    let failing = second_time(&stand);
    let answer = handle(&failing, visit(2).as_bytes(), None, SETTINGS).await;
    assert_eq!(answer, Err(LambdaError::NotSettled));
    let letters = Arc::new(Letters::default());
    let kept = Arc::clone(&letters) as Arc<dyn DeadLetters>;
    assert_eq!(handle(&willing, b"{}", Some(kept), SETTINGS).await, Ok(Answer::default()));
    assert_eq!(letters.letters.lock().unwrap()[0].0, "{}");
}

#[tokio::test]
async fn what_cannot_be_named_fails_as_a_whole() {
    let stand = Stand::new();
    let nameless = json!({"Records": [{"body": visit(1), "eventSource": "aws:sqs"}]}).to_string();
    let too_many = batch(&vec![json!({"messageId": "m"}); 10_001]);
    let table: [&[u8]; 5] = [
        nameless.as_bytes(),
        br#"{"Records": 7}"#,
        &[0xff],
        &vec![b' '; MAX_PAYLOAD_BYTES + 1],
        &too_many,
    ];
    for payload in table {
        let letters: Arc<dyn DeadLetters> = Arc::new(Letters::default());
        let answer = handle(&stand.willing(), payload, Some(letters), SETTINGS).await;
        assert_eq!(answer, Err(LambdaError::NotAPayload), "{:?}", payload.get(..40));
    }
    assert_eq!(handle(&stand.willing(), &batch(&[]), None, SETTINGS).await, Ok(Answer::default()));
    assert_eq!(stand.called().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_of_its_time_the_rest_comes_again() {
    let stand = Stand::new();
    let calls = Arc::clone(&stand.calls);
    let running = Arc::new(Mutex::new(0));
    let most = Arc::new(Mutex::new(0));
    let now = (Arc::clone(&running), Arc::clone(&most));
    let subscriber = stand
        .builder(Policies::strict())
        .on(move |event: Received<VisitSecured>, context: Context| {
            let (running, most) = (Arc::clone(&now.0), Arc::clone(&now.1));
            let stuck = event.envelope.id == id(3) && context.attempt == 1;
            calls.lock().unwrap().push((event.envelope.id, context));
            async move {
                *running.lock().unwrap() += 1;
                let at_once = *running.lock().unwrap();
                let so_far = *most.lock().unwrap();
                *most.lock().unwrap() = at_once.max(so_far);
                if stuck {
                    pending::<()>().await;
                }
                tokio::time::sleep(Duration::from_secs(2)).await;
                *running.lock().unwrap() -= 1;
                Ok(())
            }
        })
        .build()
        .unwrap();
    let records: Vec<_> = (0..18).map(|n| record(n, &visit(n as u64), 1)).collect();
    let begun = tokio::time::Instant::now();
    let answer = handle(&subscriber, &batch(&records), None, SETTINGS).await.unwrap();
    assert_eq!(begun.elapsed(), SETTINGS.time);
    let failed = failed(&answer);
    assert!(failed.contains(&"m3") && !failed.contains(&"m2"), "{failed:?}");
    assert_eq!(*most.lock().unwrap(), 3);
    // What was dropped was given back: the next invocation handles it.
    let again: Vec<_> = records
        .iter()
        .filter(|record| failed.contains(&record["messageId"].as_str().unwrap()))
        .map(|record| {
            let mut record = record.clone();
            record["attributes"]["ApproximateReceiveCount"] = json!("2");
            record
        })
        .collect();
    let answer = handle(&subscriber, &batch(&again), None, SETTINGS).await.unwrap();
    assert_eq!(answer, Answer::default());
}

/// Never answers.
struct Stuck;

impl DeadLetters for Stuck {
    fn send<'a>(&'a self, _: Letter<'a>) -> SendFuture<'a> {
        Box::pin(pending())
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_ends_no_invocation_late() {
    let stand = Stand::new();
    let stuck = || Some(Arc::new(Stuck) as Arc<dyn DeadLetters>);
    let records = [record(0, "{}", 1), record(1, &visit(1), 1)];
    let begun = tokio::time::Instant::now();
    let answer = handle(&stand.willing(), &batch(&records), stuck(), SETTINGS).await.unwrap();
    assert_eq!(begun.elapsed(), SETTINGS.time + ENDING);
    assert_eq!(failed(&answer), ["m0"]);
    let begun = tokio::time::Instant::now();
    let answer = handle(&stand.willing(), b"{}", stuck(), SETTINGS).await;
    assert_eq!(answer, Err(LambdaError::NotSettled));
    assert_eq!(begun.elapsed(), SETTINGS.time + ENDING);
}
