use super::*;

#[test]
fn the_expiry_is_rounded_down_and_at_least_a_second() {
    for (left, seconds) in [
        (0, None),
        (1, None),
        (999, None),
        (1000, Some(1)),
        (1999, Some(1)),
        (2000, Some(2)),
        (59_999, Some(59)),
    ] {
        assert_eq!(expiry(Duration::from_millis(left)), seconds, "{left}");
    }
}

#[test]
fn what_an_answer_says() {
    let state = |answer| ended(answer).0;
    let acknowledged = |reason| state(Answer::Acknowledged(reason));
    assert_eq!(acknowledged(PubAckReason::Success), CommandProgress::Acknowledged);
    let reason = CommandRefusal::NotConnected;
    assert_eq!(
        acknowledged(PubAckReason::NoMatchingSubscribers),
        CommandProgress::Rejected { reason }
    );
    for code in [
        PubAckReason::UnspecifiedError,
        PubAckReason::ImplementationSpecificError,
        PubAckReason::NotAuthorized,
        PubAckReason::TopicNameInvalid,
        PubAckReason::PacketIdentifierInUse,
        PubAckReason::QuotaExceeded,
        PubAckReason::PayloadFormatInvalid,
    ] {
        let reason = CommandRefusal::RefusedByBroker;
        assert_eq!(acknowledged(code), CommandProgress::Rejected { reason }, "{code:?}");
    }
    assert_eq!(state(Answer::Gone("cut".to_owned())), CommandProgress::Indeterminate);
}

#[test]
fn a_client_of_its_own_without_a_session() {
    let connection = MqttConnection {
        host: "localhost".to_owned(),
        port: 1883,
        client_id: "doorward-z".to_owned(),
        tls: None,
        session_expiry_s: 600,
    };
    let options = options(&connection).unwrap();
    assert_eq!(options.client_id(), "doorward-z-command");
    assert!(options.clean_start());
    let properties = options.connect_properties().unwrap();
    assert_eq!(properties.session_expiry_interval, Some(0));
    assert!(options.last_will().is_none());
}
