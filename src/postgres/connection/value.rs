//! Values of the server in text format, as Rust types. A value that cannot be read is an error that names its column:
//! it never becomes 0 or an empty string.

use std::fmt;

/// How many characters of a value that cannot be read are shown: it may be data of the user's.
const SHOWN: usize = 60;

/// A type that a value in text format can be read as.
pub trait FromValue<'v>: Sized {
    /// What is read, for messages: `a whole number`.
    const EXPECTED: &'static str;

    /// Reads the text; `None` when it is something else.
    fn from_text(text: &'v str) -> Option<Self>;

    /// What NULL is read as; `None` where the type has no NULL.
    fn from_null() -> Option<Self> {
        None
    }
}

macro_rules! numbers {
    ($expected:literal: $($number:ty)*) => {
        $(impl FromValue<'_> for $number {
            const EXPECTED: &'static str = $expected;

            fn from_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        })*
    };
}

numbers!("a whole number": i16 i32 i64);
numbers!("a number that is not negative": u16 u32 u64 usize);
numbers!("a number": f64);

/// The server prints a boolean as `t` or `f`.
impl FromValue<'_> for bool {
    const EXPECTED: &'static str = "t or f";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "t" => Some(true),
            "f" => Some(false),
            _ => None,
        }
    }
}

impl FromValue<'_> for String {
    const EXPECTED: &'static str = "a text";

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl<'v> FromValue<'v> for &'v str {
    const EXPECTED: &'static str = "a text";

    fn from_text(text: &'v str) -> Option<Self> {
        Some(text)
    }
}

impl<'v, T: FromValue<'v>> FromValue<'v> for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_text(text: &'v str) -> Option<Self> {
        T::from_text(text).map(Some)
    }

    fn from_null() -> Option<Self> {
        Some(None)
    }
}

/// An answer of the server that is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowError {
    /// The row has no such column.
    NoColumn {
        /// The column's name.
        column: String,
    },
    /// The value is NULL, which the type that was asked for does not have.
    Null {
        /// The column's name.
        column: String,
    },
    /// The value is not of the type that was asked for.
    Unreadable {
        /// The column's name.
        column: String,
        /// See [`FromValue::EXPECTED`].
        expected: &'static str,
        /// The beginning of the value.
        text: String,
    },
    /// There is no row where one was asked for.
    NoRow,
    /// There is more than one row where one was asked for.
    SecondRow,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoColumn { column } => write!(f, "the answer has no column {column:?}"),
            Self::Null { column } => write!(f, "column {column:?} is NULL"),
            Self::Unreadable { column, expected, text } => {
                write!(f, "column {column:?} is {text:?}, which is not {expected}")
            }
            Self::NoRow => f.write_str("the answer has no row"),
            Self::SecondRow => f.write_str("the answer has more than one row"),
        }
    }
}

impl std::error::Error for RowError {}

/// Reads the value of a column, for values that do not come as columns of a row.
///
/// # Errors
/// The value is not of the type.
pub fn read<'v, T: FromValue<'v>>(column: &str, value: Option<&'v str>) -> Result<T, RowError> {
    let named = || column.to_owned();
    match value {
        None => T::from_null().ok_or_else(|| RowError::Null { column: named() }),
        Some(text) => T::from_text(text).ok_or_else(|| RowError::Unreadable {
            column: named(),
            expected: T::EXPECTED,
            text: text.chars().take(SHOWN).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_type() {
        assert_eq!(read::<i64>("n", Some("-7")), Ok(-7));
        assert_eq!(read::<u64>("n", Some("18446744073709551615")), Ok(u64::MAX));
        assert_eq!(read::<bool>("b", Some("t")), Ok(true));
        assert_eq!(read::<bool>("b", Some("f")), Ok(false));
        assert_eq!(read::<&str>("s", Some("")), Ok(""));
        assert_eq!(read::<Option<i32>>("n", None), Ok(None));
        assert_eq!(read::<Option<String>>("s", Some("a")), Ok(Some("a".to_owned())));
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_never_zero() {
        for text in ["", "many", "1.5", "-1", "18446744073709551616", " 3"] {
            let Err(error) = read::<u64>("changed", Some(text)) else { panic!("{text:?} was read") };
            assert_eq!(
                error.to_string(),
                format!("column \"changed\" is {text:?}, which is not a number that is not negative")
            );
        }
        assert!(read::<i16>("exit_code", Some("32768")).is_err());
        assert!(read::<bool>("held", Some("true")).is_err());
        assert!(read::<Option<u64>>("rows", Some("x")).is_err());
        let null = read::<u64>("rows", None).unwrap_err();
        assert_eq!(null.to_string(), "column \"rows\" is NULL");
        assert!(read::<String>("name", None).is_err());
    }

    #[test]
    fn a_long_value_is_cut() {
        let long = "x".repeat(1000);
        let error = read::<u64>("rows", Some(&long)).unwrap_err().to_string();
        assert!(error.len() < 150, "{error}");
    }
}
