use super::*;

fn order(valid: Duration) -> CommandOrder {
    let endpoint = EndpointId::new("z:0x1");
    CommandOrder::now(Uuid::nil(), endpoint, "front".to_owned(), Act::Unlock, valid)
}

#[test]
fn a_command_on_the_wire() {
    let frame =
        CoreFrame::Command(CommandOrder { written_at_ms: 7, ..order(Duration::from_secs(9)) });
    assert_eq!(
        serde_json::to_string(&frame).unwrap(),
        "{\"frame\":\"command\",\"id\":\"00000000-0000-0000-0000-000000000000\",\"endpoint\":\
         \"z:0x1\",\"address\":\"front\",\"act\":\"unlock\",\"valid_for_ms\":9000,\
         \"written_at_ms\":7}"
    );
}

#[test]
fn its_progress_on_the_wire() {
    let told =
        |state| VendorFrame::Command(CommandTold { id: Uuid::nil(), state, detail: String::new() });
    let id = "\"frame\":\"command\",\"id\":\"00000000-0000-0000-0000-000000000000\"";
    for (state, word) in [
        (CommandProgress::Dispatched, "{\"is\":\"dispatched\"}"),
        (CommandProgress::Acknowledged, "{\"is\":\"acknowledged\"}"),
        (CommandProgress::Indeterminate, "{\"is\":\"indeterminate\"}"),
        (
            CommandProgress::Rejected { reason: CommandRefusal::NoSafeForm },
            "{\"is\":\"rejected\",\"reason\":\"no_safe_form\"}",
        ),
    ] {
        let text = serde_json::to_string(&told(state)).unwrap();
        assert_eq!(text, format!("{{{id},\"state\":{word}}}"));
        assert_eq!(serde_json::from_str::<VendorFrame>(&text).unwrap(), told(state));
    }
    let other = format!("{{{id},\"state\":{{\"is\":\"confirmed\"}}}}");
    assert!(serde_json::from_str::<VendorFrame>(&other).is_err(), "no other state is known");
}

#[test]
fn words_of_refusals_are_those_of_the_link() {
    for reason in [
        CommandRefusal::NoSafeForm,
        CommandRefusal::UnknownDevice,
        CommandRefusal::NotConnected,
        CommandRefusal::TooLate,
        CommandRefusal::Busy,
        CommandRefusal::RefusedByBroker,
        CommandRefusal::DeviceException,
    ] {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
    }
}

#[test]
fn what_is_left_is_counted_from_when_it_was_written() {
    let fresh = order(Duration::from_secs(10));
    assert!(fresh.left() > Duration::from_secs(8) && fresh.left() <= Duration::from_secs(10));
    let old = CommandOrder { written_at_ms: fresh.written_at_ms - 4000, ..fresh.clone() };
    assert!(old.left() <= Duration::from_secs(6));
    let over = CommandOrder { written_at_ms: fresh.written_at_ms - 10_000, ..fresh.clone() };
    assert_eq!(over.left(), Duration::ZERO);
    let long = order(Duration::from_secs(3600));
    assert!(long.left() <= MAX_VALID, "the clock is bounded, whoever gives it");
    let later = CommandOrder { written_at_ms: u64::MAX, ..fresh };
    assert!(later.left() <= Duration::from_secs(10), "and the future gives nothing");
}
