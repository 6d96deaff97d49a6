//! Why there are no keys for AWS: each cause told apart, and how to mend it.

use jiff::{SignedDuration, Timestamp};

use crate::identity::PemError;

/// Why an exchange of the certificate for keys failed. No text holds anything secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialFailure {
    /// The endpoint's name leads nowhere.
    #[error("the name {host} leads nowhere: {why}")]
    NameUnknown {
        /// The name.
        host: String,
        /// The resolver's words.
        why: String,
    },
    /// Nobody answers there.
    #[error("the credentials endpoint cannot be reached: {0}")]
    EndpointAbsent(String),
    /// No answer within the time that the exchange waits.
    #[error("the credentials endpoint gave no answer in time")]
    TimedOut,
    /// The endpoint does not take our certificate.
    #[error("the credentials endpoint refuses our certificate: {0}")]
    TlsRefused(String),
    /// We do not believe the endpoint's certificate.
    #[error("the credentials endpoint is not who it should be: {0}")]
    EndpointUntrusted(String),
    /// Our certificate or its key is of no use.
    #[error(transparent)]
    CertificateUnusable(#[from] PemError),
    /// Our certificate is over.
    #[error("our certificate was over at {0}, and the endpoint refuses it")]
    CertificateExpired(Timestamp),
    /// Our certificate has not begun.
    #[error("our certificate begins at {0}, which is later than this machine's clock")]
    CertificateNotYetValid(Timestamp),
    /// The clock is not the endpoint's.
    #[error("this machine's clock is wrong: {}", .0.words())]
    ClockWrong(ClockError),
    /// The endpoint says no: the certificate's policy, or the thing.
    #[error("the credentials endpoint refuses us ({status}){}", said(.message))]
    Refused {
        /// The answer's status.
        status: u16,
        /// The endpoint's words.
        message: String,
    },
    /// There is no such alias.
    #[error("there is no role alias {0:?}")]
    UnknownAlias(String),
    /// The endpoint is in trouble, or has had enough of us.
    #[error("the credentials endpoint is in trouble ({0})")]
    EndpointFailing(u16),
    /// The answer is none.
    #[error("the credentials endpoint's answer is of no use: {0}")]
    Malformed(&'static str),
}

/// How a clock was seen to be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClockError {
    /// The endpoint's time less ours.
    Off(SignedDuration),
    /// The endpoint's certificate is over, or has not begun, by our clock.
    EndpointsCertificate,
}

impl ClockError {
    fn words(&self) -> String {
        match self {
            Self::Off(off) if off.is_positive() => {
                format!("it is {} s behind the credentials endpoint's", off.as_secs())
            }
            Self::Off(off) => {
                format!("it is {} s ahead of the credentials endpoint's", off.as_secs().abs())
            }
            Self::EndpointsCertificate => {
                "by it the credentials endpoint's certificate is not valid".to_owned()
            }
        }
    }
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

impl CredentialFailure {
    /// The cause in one word, for logs, figures and scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NameUnknown { .. } => "name_unknown",
            Self::EndpointAbsent(_) => "endpoint_absent",
            Self::TimedOut => "timed_out",
            Self::TlsRefused(_) => "tls_refused",
            Self::EndpointUntrusted(_) => "endpoint_untrusted",
            Self::CertificateUnusable(_) => "certificate_unusable",
            Self::CertificateExpired(_) => "certificate_expired",
            Self::CertificateNotYetValid(_) => "certificate_not_yet_valid",
            Self::ClockWrong(_) => "clock_wrong",
            Self::Refused { .. } => "refused",
            Self::UnknownAlias(_) => "unknown_alias",
            Self::EndpointFailing(_) => "endpoint_failing",
            Self::Malformed(_) => "malformed_answer",
        }
    }

    /// Whether it lasts until somebody does something; the others may pass by themselves.
    pub fn needs_a_person(&self) -> bool {
        !matches!(
            self,
            Self::NameUnknown { .. }
                | Self::EndpointAbsent(_)
                | Self::TimedOut
                | Self::EndpointFailing(_)
                | Self::Malformed(_)
        )
    }

    /// How it is mended.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NameUnknown { .. } => {
                "check bus.credentials.endpoint and the machine's name servers"
            }
            Self::EndpointAbsent(_) | Self::TimedOut => {
                "check the line and that port 443 is let out; events are kept meanwhile"
            }
            Self::TlsRefused(_) => {
                "see that the certificate is registered and ACTIVE in AWS IoT, in this account and \
                 region"
            }
            Self::EndpointUntrusted(_) => {
                "check bus.credentials.endpoint and ca; update the package ca-certificates"
            }
            Self::CertificateUnusable(_) => {
                "doorward identity show; doorward identity request makes the key and the request"
            }
            Self::CertificateExpired(_) => {
                "doorward identity renew, or have a new certificate signed for doorward identity \
                 request"
            }
            Self::CertificateNotYetValid(_) | Self::ClockWrong(_) => {
                "set the clock, and start a time service (systemd-timesyncd, chrony)"
            }
            Self::Refused { .. } => {
                "let the certificate's policy allow iot:AssumeRoleWithCertificate on the alias, \
                 attach the certificate to the thing, and check thing_name"
            }
            Self::UnknownAlias(_) => {
                "check bus.credentials.role_alias and the endpoint's account and region"
            }
            Self::EndpointFailing(_) | Self::Malformed(_) => {
                "wait: it is tried again; check bus.credentials.endpoint if it lasts"
            }
        }
    }
}
