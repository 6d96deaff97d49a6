//! Whether a device's message may hold a PIN or another code, told from its bytes: it may be no
//! JSON at all.

/// Members that hold codes when they are not null.
const MEMBERS: &[&[u8]] = &[b"pin_code", b"user_code", b"rfid_code", b"users"];

/// True if a member that can hold codes stands in the bytes with anything but null behind it.
pub(super) fn may_be_in(payload: &[u8]) -> bool {
    MEMBERS.iter().any(|member| {
        payload
            .windows(member.len())
            .enumerate()
            .filter(|(_, window)| window.eq_ignore_ascii_case(member))
            .any(|(at, _)| !is_null(payload.get(at + member.len()..).unwrap_or_default()))
    })
}

/// The rest of a member's name is its closing quote, and its value is null.
fn is_null(rest: &[u8]) -> bool {
    let rest = rest.strip_prefix(b"\"").unwrap_or(rest).trim_ascii_start();
    let Some(value) = rest.strip_prefix(b":") else { return false };
    let Some(after) = value.trim_ascii_start().strip_prefix(b"null") else { return false };
    after.first().is_none_or(|next| matches!(next, b',' | b'}' | b' '))
}

#[cfg(test)]
mod tests {
    use super::may_be_in;

    #[test]
    fn a_code_is_suspected_wherever_its_member_is_not_plainly_null() {
        for safe in
            ["", "{", r#"{"state":"LOCK","pin_code":null}"#, r#"{"last_used_pin_code" : null,"a"#]
        {
            assert!(!may_be_in(safe.as_bytes()), "{safe}");
        }
        for risky in [
            r#"{"pin_code":1234}"#,
            r#"{"pin_code":nul"#,
            r#"{"pin_code":null1234"#,
            r#"{"PIN_CODE":{"user":1}}"#,
            r#"{"users":{"4":{"status":"enabled"}}}"#,
            "pin_code",
            r#"{"pin_code":null,"last_used_pin_code":"9876"#,
        ] {
            assert!(may_be_in(risky.as_bytes()), "{risky}");
        }
    }
}
