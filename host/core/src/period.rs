//! Calendar periods: the time part of a partition, and the buckets of a rollup.
//!
//! A [`Period`] cuts time into partitions, in UTC. An [`Every`] cuts it into
//! rollup buckets from one second to one month, in a time zone:
//!
//! | `every` | zone | 2013-03-10 07:30 UTC falls into the bucket that starts at |
//! |---|---|---|
//! | `1h` | UTC | 2013-03-10 07:00 UTC |
//! | `1d` | America/New_York | 2013-03-10 05:00 UTC (midnight, still winter time) |
//! | `1w` | UTC | 2013-03-04 00:00 UTC (a Monday) |
//! | `1mo` | UTC | 2013-03-01 00:00 UTC |
//!
//! Buckets of hours and less divide the UTC day; buckets of days and more start
//! at local midnight, so a bucket is 23 or 25 hours long when clocks change.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::time::{Micros, TimeRange};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
/// 1970-01-05, the first Monday after the epoch.
const FIRST_MONDAY: i64 = 4 * DAY;

/// The length of time of a partition. Weeks start on Monday. UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week from Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

impl Period {
    /// All periods, shortest first.
    pub const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    /// The name used in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The start of the period that holds `t`.
    pub fn floor(self, t: Micros) -> Micros {
        let fixed = |length: i64, origin: i64| {
            Micros(t.0.saturating_sub((t.0 - origin).rem_euclid(length)))
        };
        match self {
            Self::Hour => fixed(HOUR, 0),
            Self::Day => fixed(DAY, 0),
            Self::Week => fixed(7 * DAY, FIRST_MONDAY),
            Self::Month | Self::Year => match t.to_utc().map(|utc| utc.date_naive()) {
                Some(date) => {
                    let month = if self == Self::Year { 1 } else { date.month() };
                    let first = NaiveDate::from_ymd_opt(date.year(), month, 1).unwrap_or(date);
                    Micros(first.and_time(Default::default()).and_utc().timestamp_micros())
                }
                // Outside the calendar (beyond year 262,000): days will do.
                None => fixed(DAY, 0),
            },
        }
    }

    /// The period that holds `t`.
    pub fn range(self, t: Micros) -> TimeRange {
        let start = self.floor(t);
        let months = |n: u32| {
            let next = start.to_utc().and_then(|s| s.checked_add_months(Months::new(n)));
            next.map_or(start.0.saturating_add(DAY), |t| t.timestamp_micros())
        };
        let end = match self {
            Self::Hour => start.0.saturating_add(HOUR),
            Self::Day => start.0.saturating_add(DAY),
            Self::Week => start.0.saturating_add(7 * DAY),
            Self::Month => months(1),
            Self::Year => months(12),
        };
        TimeRange::new(start, Micros(end))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The length of a rollup bucket: `1s` to `1mo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Every {
    /// So many seconds, a divisor of a day.
    Seconds(u32),
    /// So many local days, counted from 1970-01-01.
    Days(u32),
    /// So many weeks from Monday on.
    Weeks(u32),
    /// One calendar month.
    Month,
}

impl Every {
    /// The bucket that holds `t`, in local time of `zone`.
    pub fn bucket(self, t: Micros, zone: Tz) -> TimeRange {
        let days = |length: i64, origin: i64| {
            let Some(local) = t.to_utc().map(|u| u.with_timezone(&zone).naive_local().date())
            else {
                return Period::Day.range(t);
            };
            let number = local.signed_duration_since(NaiveDate::default()).num_days();
            let first = number - (number - origin).rem_euclid(length);
            let start = NaiveDate::default()
                .checked_add_signed(chrono::TimeDelta::days(first))
                .unwrap_or(local);
            let end = start.checked_add_days(Days::new(length as u64)).unwrap_or(start);
            TimeRange::new(local_midnight(start, zone), local_midnight(end, zone))
        };
        match self {
            Self::Seconds(s) => {
                let length = i64::from(s) * SECOND;
                let start = t.0.saturating_sub(t.0.rem_euclid(length));
                TimeRange::new(Micros(start), Micros(start.saturating_add(length)))
            }
            Self::Days(n) => days(i64::from(n), 0),
            Self::Weeks(n) => days(7 * i64::from(n), 4),
            Self::Month => {
                let Some(local) = t.to_utc().map(|u| u.with_timezone(&zone).date_naive()) else {
                    return Period::Month.range(t);
                };
                let start = local.with_day(1).unwrap_or(local);
                let end = start.checked_add_months(Months::new(1)).unwrap_or(start);
                TimeRange::new(local_midnight(start, zone), local_midnight(end, zone))
            }
        }
    }

    /// The start of each row's bucket. Neighbouring rows of one bucket cost one
    /// comparison each; the calendar is asked once a change of bucket.
    pub fn buckets(self, times: &[i64], zone: Tz) -> Vec<i64> {
        let mut current = TimeRange::new(Micros::MAX, Micros::MIN);
        times
            .iter()
            .map(|&t| {
                if !current.contains(Micros(t)) || current.is_empty() {
                    current = self.bucket(Micros(t), zone);
                }
                current.start.0
            })
            .collect()
    }

    /// The period of a partition that holds a useful number of such buckets.
    pub fn partition_period(self) -> Period {
        match self {
            Self::Seconds(s) if s < 3_600 => Period::Day,
            Self::Seconds(_) => Period::Month,
            _ => Period::Year,
        }
    }
}

fn local_midnight(date: NaiveDate, zone: Tz) -> Micros {
    let midnight: NaiveDateTime = date.and_time(Default::default());
    let mut at = midnight;
    // A clock change can skip midnight: the day then starts when the gap ends.
    for _ in 0..8 {
        if let Some(t) = zone.from_local_datetime(&at).earliest() {
            return Micros(t.timestamp_micros());
        }
        at += chrono::TimeDelta::minutes(30);
    }
    Micros(midnight.and_utc().timestamp_micros())
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Seconds(s) if s % 3_600 == 0 => write!(f, "{}h", s / 3_600),
            Self::Seconds(s) if s % 60 == 0 => write!(f, "{}m", s / 60),
            Self::Seconds(s) => write!(f, "{s}s"),
            Self::Days(n) => write!(f, "{n}d"),
            Self::Weeks(n) => write!(f, "{n}w"),
            Self::Month => f.write_str("1mo"),
        }
    }
}

impl FromStr for Every {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::config(format!("{text:?} is not a bucket length: {why}"))
                .with_help("write 1s to 12h dividing a day (30s, 5m, 1h), or 1d, 1w, 1mo")
        };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let n: u32 = number.parse().map_err(|_| wrong("it does not start with a number"))?;
        if n == 0 {
            return Err(wrong("it is zero"));
        }
        let seconds = |scale: u32| match n.checked_mul(scale) {
            Some(s) if s < 86_400 && 86_400 % s == 0 => Ok(Self::Seconds(s)),
            Some(86_400) => Ok(Self::Days(1)),
            _ => Err(wrong("it does not divide a day")),
        };
        match unit {
            "s" => seconds(1),
            "m" => seconds(60),
            "h" => seconds(3_600),
            "d" if n <= 31 => Ok(Self::Days(n)),
            "w" if n <= 4 => Ok(Self::Weeks(n)),
            "mo" if n == 1 => Ok(Self::Month),
            "d" | "w" | "mo" => Err(wrong("it is longer than a month")),
            _ => Err(wrong("its unit is none of s, m, h, d, w, mo")),
        }
    }
}

impl From<Every> for String {
    fn from(every: Every) -> Self {
        every.to_string()
    }
}

impl TryFrom<String> for Every {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

/// A span of calendar time such as `90d` or `7y`, for ages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Age {
    months: u32,
    micros: i64,
}

impl Age {
    /// No time at all.
    pub const ZERO: Self = Self { months: 0, micros: 0 };

    /// The instant that lies this long before `now`.
    pub fn before(self, now: Micros) -> Micros {
        let back = match (self.months, now.to_utc()) {
            (0, _) | (_, None) => now.0,
            (months, Some(utc)) => utc
                .checked_sub_months(Months::new(months))
                .map_or(i64::MIN, |t| t.timestamp_micros()),
        };
        Micros(back.saturating_sub(self.micros))
    }

    /// The instant that lies this long after `at`.
    pub fn after(self, at: Micros) -> Micros {
        let forward = match (self.months, at.to_utc()) {
            (0, _) | (_, None) => at.0,
            (months, Some(utc)) => utc
                .checked_add_months(Months::new(months))
                .map_or(i64::MAX, |t| t.timestamp_micros()),
        };
        Micros(forward.saturating_add(self.micros))
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.micros;
        match (self.months, micros) {
            (0, 0) => f.write_str("0s"),
            (0, m) if m % DAY == 0 => write!(f, "{}d", m / DAY),
            (0, m) if m % HOUR == 0 => write!(f, "{}h", m / HOUR),
            (0, m) if m % (60 * SECOND) == 0 => write!(f, "{}m", m / (60 * SECOND)),
            (0, m) => write!(f, "{}s", m / SECOND),
            (months, _) if months % 12 == 0 => write!(f, "{}y", months / 12),
            (months, _) => write!(f, "{months}mo"),
        }
    }
}

impl FromStr for Age {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::config(format!("{text:?} is not an age"))
                .with_help("write a whole number and a unit: 30s, 10m, 12h, 90d, 8w, 6mo, 7y")
        };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let n: u32 = number.parse().map_err(|_| wrong())?;
        let micros = |scale: i64| Self { months: 0, micros: i64::from(n) * scale };
        let months = |scale: u32| n.checked_mul(scale).filter(|m| *m <= 12 * 100_000);
        Ok(match unit {
            "s" => micros(SECOND),
            "m" => micros(60 * SECOND),
            "h" => micros(HOUR),
            "d" => micros(DAY),
            "w" => micros(7 * DAY),
            "mo" => Self { months: months(1).ok_or_else(wrong)?, micros: 0 },
            "y" => Self { months: months(12).ok_or_else(wrong)?, micros: 0 },
            _ => return Err(wrong()),
        })
    }
}

impl From<Age> for String {
    fn from(age: Age) -> Self {
        age.to_string()
    }
}

impl TryFrom<String> for Age {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Micros {
        Micros::parse(text).unwrap()
    }

    #[test]
    fn periods_hold_their_instants() {
        let t = at("2013-03-10T07:30:00");
        for (period, start, end) in [
            (Period::Hour, "2013-03-10T07:00:00", "2013-03-10T08:00:00"),
            (Period::Day, "2013-03-10", "2013-03-11"),
            (Period::Week, "2013-03-04", "2013-03-11"),
            (Period::Month, "2013-03-01", "2013-04-01"),
            (Period::Year, "2013-01-01", "2014-01-01"),
        ] {
            assert_eq!(period.range(t), TimeRange::new(at(start), at(end)), "{period}");
        }
        assert_eq!(Period::Month.floor(at("1969-12-31T23:00:00")), at("1969-12-01"));
        assert_eq!(Period::Week.floor(at("1969-12-31")), at("1969-12-29"));
    }

    #[test]
    fn buckets_follow_the_zone() {
        let ny: Tz = "America/New_York".parse().unwrap();
        let t = at("2013-03-10T07:30:00");
        assert_eq!(Every::Days(1).bucket(t, ny).start, at("2013-03-10T05:00:00"));
        // Clocks go forward that day: it has 23 hours.
        assert_eq!(Every::Days(1).bucket(t, ny).end, at("2013-03-11T04:00:00"));
        assert_eq!(Every::Month.bucket(t, ny).start, at("2013-03-01T05:00:00"));
        assert_eq!(Every::Weeks(1).bucket(t, Tz::UTC).start, at("2013-03-04"));
        assert_eq!(Every::Seconds(300).bucket(t, ny).start, at("2013-03-10T07:30:00"));
        let times = [t.0, t.0 + 1, at("2013-04-01").0];
        let starts = Every::Month.buckets(&times, Tz::UTC);
        assert_eq!(starts, [at("2013-03-01").0, at("2013-03-01").0, at("2013-04-01").0]);
    }

    #[test]
    fn lengths_parse_and_print() {
        for text in ["1s", "30s", "5m", "1h", "1d", "1w", "1mo"] {
            assert_eq!(text.parse::<Every>().unwrap().to_string(), text);
        }
        for text in ["0s", "7m", "25h", "2mo", "x", "1y", ""] {
            assert!(text.parse::<Every>().is_err(), "{text}");
        }
        for text in ["90d", "7y", "6mo", "12h", "0s"] {
            assert_eq!(text.parse::<Age>().unwrap().to_string(), text);
        }
        assert_eq!("1y".parse::<Age>().unwrap().before(at("2013-03-02")), at("2012-03-02"));
        assert_eq!("90d".parse::<Age>().unwrap().before(at("2013-03-02")), at("2012-12-02"));
    }
}
