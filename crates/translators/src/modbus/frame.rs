//! Frames of Modbus RTU (MODBUS Application Protocol Specification V1.1b3 §6 and §7; MODBUS over
//! Serial Line V1.02 §2.5.1): the few functions that relay and input boards have.
//!
//! A frame has no mark of its beginning. What was asked says what an answer looks like, so an answer
//! is looked for at every offset of what has come, and its checksum decides.

use crc::{CRC_16_MODBUS, Crc};

static CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_MODBUS);

/// Function codes (V1.1b3 §6.1, §6.2, §6.5, §6.6).
pub(super) const READ_COILS: u8 = 1;
pub(super) const READ_INPUTS: u8 = 2;
pub(super) const WRITE_COIL: u8 = 5;
pub(super) const WRITE_REGISTER: u8 = 6;

/// Set in the function code of an answer that is an exception (V1.1b3 §7).
const EXCEPTION: u8 = 0x80;

/// The values of [`WRITE_COIL`] that the specification has.
pub(super) const ON: u16 = 0xff00;
pub(super) const OFF: u16 = 0x0000;

/// Units that can be asked (V1.02 §2.2: 0 is everybody, 248–255 are reserved).
pub(super) const UNITS: std::ops::RangeInclusive<u8> = 1..=247;

/// Most coils or inputs of one reading (V1.1b3 §6.1, §6.2).
pub(super) const MAX_COUNT: u16 = 2000;

/// Bytes of a request, of every function here.
pub(super) const REQUEST_LENGTH: usize = 8;
const EXCEPTION_LENGTH: usize = 5;

/// A question. All functions here have one form: two words behind unit and function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) unit: u8,
    pub(super) function: u8,
    /// The first coil or input, or the one to write.
    pub(super) first: u16,
    /// How many to read, or the value to write.
    pub(super) value: u16,
}

/// What a unit answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// To a reading.
    Bits(Bits),
    /// To a writing: its exact echo.
    Echo,
    /// The code of V1.1b3 §7.
    Exception(u8),
}

/// Coils or inputs, from the first one asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits(Vec<u8>);

impl Bits {
    pub(super) fn get(&self, index: u16) -> Option<bool> {
        let byte = self.0.get(usize::from(index / 8))?;
        Some(byte >> (index % 8) & 1 == 1)
    }
}

/// An answer, and where in the bytes it stood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) answer: Answer,
}

impl Request {
    pub(super) fn write_coil(unit: u8, coil: u16, value: u16) -> Self {
        Self { unit, function: WRITE_COIL, first: coil, value }
    }

    /// The whole frame, checksum included.
    pub(super) fn encode(self) -> Vec<u8> {
        let [first_high, first_low] = self.first.to_be_bytes();
        let [value_high, value_low] = self.value.to_be_bytes();
        sealed(&[self.unit, self.function, first_high, first_low, value_high, value_low])
    }

    /// Bytes of the answer, if it is no exception.
    pub(super) fn answer_length(self) -> usize {
        match self.function {
            READ_COILS | READ_INPUTS => 5 + usize::from(self.value.div_ceil(8)),
            _ => REQUEST_LENGTH,
        }
    }

    /// The last answer to this in `bytes`, at any offset: those before it came later than they were
    /// waited for. What stands within an answer is none.
    pub(super) fn find(self, bytes: &[u8]) -> Option<Found> {
        let mut found: Option<Found> = None;
        let mut start = 0;
        while let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
            let Some((length, answer)) = self.answered_by(rest) else {
                start += 1;
                continue;
            };
            found = Some(Found { start, end: start + length, answer });
            start += length;
        }
        found
    }

    /// The answer that `bytes` begin with, and its length.
    fn answered_by(self, bytes: &[u8]) -> Option<(usize, Answer)> {
        let (unit, function) = (*bytes.first()?, *bytes.get(1)?);
        if unit != self.unit {
            return None;
        }
        if function == self.function | EXCEPTION {
            let frame = whole(bytes, EXCEPTION_LENGTH)?;
            return Some((EXCEPTION_LENGTH, Answer::Exception(*frame.get(2)?)));
        }
        if function != self.function {
            return None;
        }
        let length = self.answer_length();
        if !matches!(function, READ_COILS | READ_INPUTS) {
            return (bytes.get(..length)? == self.encode()).then_some((length, Answer::Echo));
        }
        if usize::from(*bytes.get(2)?) + 5 != length {
            return None;
        }
        let data = whole(bytes, length)?.get(3..length - 2)?;
        Some((length, Answer::Bits(Bits(data.to_vec()))))
    }
}

/// `body` with its checksum, low byte first.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut frame = body.to_vec();
    frame.extend(CRC.checksum(body).to_le_bytes());
    frame
}

/// The first `length` bytes, if the last two of them are the checksum of the rest.
fn whole(bytes: &[u8], length: usize) -> Option<&[u8]> {
    let frame = bytes.get(..length)?;
    let (body, sum) = frame.split_at_checked(length.checked_sub(2)?)?;
    (CRC.checksum(body).to_le_bytes() == sum).then_some(frame)
}

/// The length of the valid answer of any unit that `bytes` begin with: one that comes too late.
fn late_answer(bytes: &[u8]) -> Option<usize> {
    if !UNITS.contains(bytes.first()?) {
        return None;
    }
    let function = *bytes.get(1)?;
    let length = match function & !EXCEPTION {
        READ_COILS | READ_INPUTS | WRITE_COIL | WRITE_REGISTER if function & EXCEPTION != 0 => {
            EXCEPTION_LENGTH
        }
        READ_COILS | READ_INPUTS => 5 + usize::from(*bytes.get(2)?),
        WRITE_COIL | WRITE_REGISTER => REQUEST_LENGTH,
        _ => return None,
    };
    whole(bytes, length).map(<[u8]>::len)
}

/// What of `bytes` belongs to no valid answer of any unit.
pub(super) fn without_answers(bytes: &[u8]) -> Vec<u8> {
    let mut garbage = Vec::new();
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        if let Some(behind) = late_answer(rest).and_then(|length| rest.get(length..)) {
            rest = behind;
        } else {
            garbage.push(*first);
            rest = after;
        }
    }
    garbage
}

/// The frame with which `unit` refuses a function.
pub(super) fn exception_frame(unit: u8, function: u8, code: u8) -> Vec<u8> {
    sealed(&[unit, function | EXCEPTION, code])
}

/// What the specification calls an exception code (V1.1b3 §7).
pub(super) const fn exception_name(code: u8) -> &'static str {
    match code {
        1 => "illegal function",
        2 => "illegal data address",
        3 => "illegal data value",
        4 => "server device failure",
        5 => "acknowledge",
        6 => "server device busy",
        8 => "memory parity error",
        10 => "gateway path unavailable",
        11 => "gateway target device failed to respond",
        _ => "no code of the specification",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(unit: u8, function: u8, first: u16, value: u16) -> Request {
        Request { unit, function, first, value }
    }

    #[test]
    fn the_checksum_of_the_catalogue() {
        assert_eq!(CRC.checksum(b"123456789"), 0x4b37);
    }

    #[test]
    fn bits_from_the_lowest() {
        let request = read(1, READ_INPUTS, 0, 10);
        let found = request.find(&sealed(&[1, 2, 2, 0b0000_0101, 0b10])).unwrap();
        let Answer::Bits(bits) = found.answer else { panic!("{found:?}") };
        let set: Vec<u16> = (0..16).filter(|n| bits.get(*n) == Some(true)).collect();
        assert_eq!(set, [0, 2, 9]);
        assert_eq!(bits.get(16), None);
    }

    #[test]
    fn lengths_of_answers() {
        for (count, length) in [(1, 6), (8, 6), (9, 7), (2000, 255)] {
            assert_eq!(read(1, READ_COILS, 0, count).answer_length(), length);
        }
        assert_eq!(Request::write_coil(1, 0, ON).answer_length(), 8);
    }

    #[test]
    fn an_answer_at_any_offset_and_nothing_else() {
        let request = read(3, READ_INPUTS, 0, 4);
        let good = sealed(&[3, 2, 1, 1]);
        for (name, bytes, expected) in [
            ("alone", good.clone(), Some(0)),
            ("behind garbage", [&[3, 2, 1][..], &good].concat(), Some(3)),
            ("before garbage", [&good[..], &[9]].concat(), Some(0)),
            ("two: the newest", [sealed(&[3, 2, 1, 0]), good.clone()].concat(), Some(6)),
            (
                "three",
                [&good[..], &[7], &good, &sealed(&[3, 0x82, 6]), &good[..5]].concat(),
                Some(13),
            ),
            ("cut", good[..5].to_vec(), None),
            ("another unit", sealed(&[4, 2, 1, 1]), None),
            ("another function", sealed(&[3, 1, 1, 1]), None),
            ("another length", sealed(&[3, 2, 2, 1, 0]), None),
            ("a wrong sum", [&good[..5], &[good[5] ^ 1]].concat(), None),
            ("empty", vec![], None),
        ] {
            assert_eq!(request.find(&bytes).map(|found| found.start), expected, "{name}");
        }
    }

    #[test]
    fn what_stands_within_an_answer_is_none() {
        let refusal = sealed(&[3, 0x82, 4]);
        let wide = sealed(&[&[3, 2, 5][..], &refusal].concat());
        let found = read(3, READ_INPUTS, 0, 40).find(&wide).unwrap();
        assert_eq!((found.start, found.end), (0, 10));
        assert!(matches!(found.answer, Answer::Bits(_)));
    }

    #[test]
    fn an_echo_is_exact() {
        let request = Request::write_coil(1, 7, OFF);
        assert_eq!(request.find(&request.encode()).unwrap().answer, Answer::Echo);
        for other in [
            Request::write_coil(1, 7, ON),
            Request::write_coil(1, 6, OFF),
            Request::write_coil(2, 7, OFF),
        ] {
            assert_eq!(request.find(&other.encode()), None);
        }
        let refused = request.find(&sealed(&[1, 0x85, 2])).unwrap();
        assert_eq!(refused.answer, Answer::Exception(2));
        assert_eq!(request.find(&sealed(&[1, 0x81, 2])), None, "of another function");
    }

    #[test]
    fn late_answers_are_no_garbage() {
        let late = [
            sealed(&[9, 1, 1, 0]),
            sealed(&[9, 0x82, 4]),
            sealed(&[9, 5, 0, 0, 0, 0]),
            sealed(&[9, 2, 2, 7, 7]),
        ];
        assert_eq!(without_answers(&late.concat()), [0; 0]);
        let mixed = [&[0xaa][..], &late[0], &[0xbb, 0xcc], &late[1]].concat();
        assert_eq!(without_answers(&mixed), [0xaa, 0xbb, 0xcc]);
        assert_eq!(without_answers(&sealed(&[0, 1, 1, 0])).len(), 6, "nobody answers as 0");
        assert_eq!(without_answers(&sealed(&[9, 3, 1, 0])).len(), 6, "never asked here");
    }
}
