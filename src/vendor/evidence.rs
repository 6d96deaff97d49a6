//! What is kept of a message that could not be translated whole. It is made here, so that a
//! code never leaves the process that the devices talk to.

use doorward_translators::{Observation, Refusal, What};
use ring::{digest, hmac};

use crate::link::{Digest, Evidence};

/// Most bytes of a payload that are kept.
const MAX_RAW: usize = 2048;
const MAX_SOURCE: usize = 256;
/// Runs of digits of these lengths may be a PIN or a card number.
const CODE_DIGITS: std::ops::RangeInclusive<usize> = 3..=12;

/// Makes digests and evidence.
pub struct Examiner {
    key: hmac::Key,
    /// A digest begun with the vendor's name: two bridges may say the same at the same time.
    begun: digest::Context,
}

impl Examiner {
    pub fn new(vendor: &str, key: &[u8]) -> Self {
        let mut begun = digest::Context::new(&digest::SHA256);
        begun.update(&(vendor.len() as u64).to_be_bytes());
        begun.update(vendor.as_bytes());
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), begun }
    }

    /// The digest by which a message is known again.
    pub fn digest(&self, topic: &str, payload: &[u8]) -> Digest {
        let mut context = self.begun.clone();
        context.update(&(topic.len() as u64).to_be_bytes());
        context.update(topic.as_bytes());
        context.update(payload);
        first_16(context.finish().as_ref())
    }

    /// Evidence of a refused message.
    pub fn refused(&self, topic: &str, payload: &[u8], refusal: &Refusal) -> Evidence {
        Evidence {
            refusal: Some(refusal.reason),
            ..self.evidence(topic, payload, &refusal.detail, refusal.sensitive)
        }
    }

    /// Evidence of a message with anomalies among its observations; `None` if there is none.
    pub fn anomalies(
        &self,
        topic: &str,
        payload: &[u8],
        observations: &[Observation],
        sensitive: bool,
    ) -> Option<Evidence> {
        let mut found = observations.iter().filter_map(|observation| match &observation.what {
            What::Anomaly { field, detail } => Some(format!("{field}: {detail}")),
            _ => None,
        });
        let mut detail = found.next()?;
        for more in found {
            detail.push_str("; ");
            detail.push_str(&more);
        }
        Some(self.evidence(topic, payload, &detail, sensitive))
    }

    fn evidence(&self, topic: &str, payload: &[u8], detail: &str, sensitive: bool) -> Evidence {
        let mut mac = hmac::Context::with_key(&self.key);
        mac.update(payload);
        Evidence {
            source: doorward_events::bounded_text(topic, MAX_SOURCE),
            refusal: None,
            detail: doorward_events::bounded_text(detail, MAX_SOURCE),
            bytes: payload.len() as u64,
            raw: (!sensitive).then(|| masked(payload)),
            keyed_digest: first_16(mac.sign().as_ref()),
        }
    }
}

fn first_16(bytes: &[u8]) -> Digest {
    let mut first = [0; 16];
    for (to, from) in first.iter_mut().zip(bytes) {
        *to = *from;
    }
    Digest(first)
}

/// The first bytes with possible codes masked, escaped to printable ASCII.
fn masked(payload: &[u8]) -> String {
    let mut bytes = payload.get(..MAX_RAW).unwrap_or(payload).to_vec();
    let mut start = None;
    for index in 0..=bytes.len() {
        let digit = bytes.get(index).is_some_and(u8::is_ascii_digit);
        match (digit, start) {
            (true, None) => start = Some(index),
            (false, Some(first)) => {
                // A run cut off by the bound may have been one of the lengths.
                let cut = index == bytes.len() && payload.len() > bytes.len();
                if (CODE_DIGITS.contains(&(index - first)) || cut)
                    && let Some(run) = bytes.get_mut(first..index)
                {
                    run.fill(b'#');
                }
                start = None;
            }
            _ => {}
        }
    }
    bytes.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_are_masked_and_other_numbers_are_not() {
        assert_eq!(masked(b"{\"pin\":9876,\"n\":12}"), "{\\\"pin\\\":####,\\\"n\\\":12}");
        assert_eq!(masked(b"1234567890123"), "1234567890123");
        assert_eq!(masked(b"\xff\x00123"), "\\xff\\x00###");
    }

    #[test]
    fn a_run_cut_off_by_the_bound_is_masked() {
        let mut payload = vec![b'x'; MAX_RAW - 2];
        payload.extend_from_slice(b"98765");
        assert!(masked(&payload).ends_with("x##"));
    }

    #[test]
    fn a_sensitive_payload_leaves_only_its_length_and_keyed_digest() {
        let examiner = Examiner::new("v", &[1; 32]);
        let other = Examiner::new("v", &[2; 32]);
        let of = |examiner: &Examiner| examiner.evidence("t", b"{\"pin\":9876", "", true);
        assert_eq!(of(&examiner).raw, None);
        assert_eq!(of(&examiner).bytes, 11);
        assert_ne!(of(&examiner).keyed_digest, of(&other).keyed_digest);
    }

    proptest! {
        #[test]
        fn no_run_that_could_be_a_code_is_left(payload in "[0-9a-c]{0,60}") {
            let kept = masked(payload.as_bytes());
            for run in kept.split(|c: char| !c.is_ascii_digit()) {
                prop_assert!(!CODE_DIGITS.contains(&run.len()), "{kept}");
            }
        }
    }
}
