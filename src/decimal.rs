//! Numbers in decimal digits, without the machinery of `fmt`: for answers and logs, which have many.

/// Digits of the longest number.
const DIGITS_MAX: usize = 20;

/// A number in decimal digits.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    digits: [u8; DIGITS_MAX],
    start: usize,
}

impl Decimal {
    /// The digits of a number.
    pub fn of(number: u64) -> Decimal {
        let mut decimal = Decimal { digits: [0; DIGITS_MAX], start: DIGITS_MAX };
        let mut rest = number;
        loop {
            decimal.start -= 1;
            decimal.digits[decimal.start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return decimal;
            }
        }
    }

    /// They, the highest first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.digits[self.start..]
    }
}

/// Appends a number.
pub fn write(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(Decimal::of(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ends_are_written() {
        assert_eq!(Decimal::of(0).as_bytes(), b"0");
        assert_eq!(Decimal::of(u64::MAX).as_bytes(), b"18446744073709551615");
    }

    proptest! {
        #[test]
        fn numbers_are_as_others_write_them(number: u64) {
            let mut out = b"x".to_vec();
            write(number, &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), format!("x{number}"));
        }
    }
}
