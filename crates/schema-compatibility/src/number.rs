//! Numbers as the validator compares them, but exact: a bound of 0.1 is a tenth, and the largest
//! whole number of a document is not rounded.

use num_bigint::BigInt;
use num_integer::Integer as _;
use num_rational::BigRational;
use num_traits::{One as _, Signed as _, ToPrimitive as _, Zero as _};
use serde_json::Number;

/// 2^53: whole numbers above it are not all representable.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// 2^63: a number above it counts as an integer however it is written, since it has lost its text.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

/// The value of a number, or none if it has none (infinities cannot be written in JSON).
pub fn rational(number: &Number) -> Option<BigRational> {
    if let Some(whole) = number.as_i64() {
        return Some(BigInt::from(whole).into());
    }
    if let Some(whole) = number.as_u64() {
        return Some(BigInt::from(whole).into());
    }
    let value = number.as_f64()?;
    if value.abs() >= EXACT { BigRational::from_float(value) } else { decimal(value) }
}

/// The number that the shortest decimal text of `value` stands for.
fn decimal(value: f64) -> Option<BigRational> {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: BigInt = format!("{whole}{fraction}").parse().ok()?;
    let shift = exponent - i32::try_from(fraction.len()).ok()?;
    let scale = BigInt::from(10).pow(shift.unsigned_abs());
    let digits = BigRational::from(digits);
    Some(if shift < 0 { digits / scale } else { digits * scale })
}

/// Whether Draft-04 calls it an integer: written without fraction and exponent.
pub fn is_integer(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|v| v.abs() >= BEYOND)
}

/// The number written as an integer, if it can be.
pub fn whole(value: &BigRational) -> Option<Number> {
    if !value.is_integer() {
        return None;
    }
    let whole = value.to_integer();
    whole.to_i64().map(Number::from).or_else(|| whole.to_u64().map(Number::from))
}

/// The number written with a fraction or an exponent, if that loses nothing.
pub fn fractional(value: &BigRational) -> Option<Number> {
    let float = value.to_f64()?;
    let number = Number::from_f64(float)?;
    (rational(&number)? == *value && float.abs() < BEYOND).then_some(number)
}

/// The least common multiple of two positive numbers.
pub fn common_multiple(a: &BigRational, b: &BigRational) -> BigRational {
    let numerator = (a.numer() * b.denom()).lcm(&(b.numer() * a.denom()));
    BigRational::new(numerator, a.denom() * b.denom())
}

/// Whether `value` is a multiple of `step`.
pub fn divides(step: &BigRational, value: &BigRational) -> bool {
    !step.is_zero() && (value / step).is_integer()
}

/// Whether the validator divides by it without rounding: few digits, and not astronomical.
pub fn is_tame(step: &BigRational) -> bool {
    let limit = BigInt::from(1_000_000_000_000_000_i64);
    step.is_positive() && step.numer() <= &limit && step.denom() <= &limit
}

/// One end of an interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    pub value: BigRational,
    /// The value itself is outside.
    pub open: bool,
}

/// The numbers between two ends, each of which may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interval {
    pub low: Option<Bound>,
    pub high: Option<Bound>,
}

impl Interval {
    pub fn raise(&mut self, bound: &Bound) {
        let tighter = self.low.as_ref().is_none_or(|low| {
            bound.value > low.value || (bound.value == low.value && bound.open && !low.open)
        });
        if tighter {
            self.low = Some(bound.clone());
        }
    }

    pub fn lower(&mut self, bound: &Bound) {
        let tighter = self.high.as_ref().is_none_or(|high| {
            bound.value < high.value || (bound.value == high.value && bound.open && !high.open)
        });
        if tighter {
            self.high = Some(bound.clone());
        }
    }

    pub fn contains(&self, value: &BigRational) -> bool {
        let above = self
            .low
            .as_ref()
            .is_none_or(|low| *value > low.value || (!low.open && *value == low.value));
        above
            && self
                .high
                .as_ref()
                .is_none_or(|high| *value < high.value || (!high.open && *value == high.value))
    }

    /// No real number at all lies between the ends.
    pub fn is_empty(&self) -> bool {
        match (&self.low, &self.high) {
            (Some(low), Some(high)) => {
                low.value > high.value || (low.value == high.value && (low.open || high.open))
            }
            _ => false,
        }
    }

    /// The first multiple of `step` inside the lower end, as a count of steps.
    pub fn first(&self, step: &BigRational) -> Option<BigInt> {
        self.low.as_ref().map(|low| {
            let count = (&low.value / step).ceil().to_integer();
            let hit = low.open && BigRational::from(count.clone()) * step == low.value;
            if hit { count + BigInt::one() } else { count }
        })
    }

    /// The last multiple of `step` inside the upper end, as a count of steps.
    pub fn last(&self, step: &BigRational) -> Option<BigInt> {
        self.high.as_ref().map(|high| {
            let count = (&high.value / step).floor().to_integer();
            let hit = high.open && BigRational::from(count.clone()) * step == high.value;
            if hit { count - BigInt::one() } else { count }
        })
    }
}
