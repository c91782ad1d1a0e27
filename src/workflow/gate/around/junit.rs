//! Reads JUnit's XML as the tools of the field write it: how many tests ran, which of them failed, and when.

use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::plain_file;

/// The largest file that is read.
const MAX_BYTES: u64 = 64 << 20;
/// The most tests that are named.
const NAMED: usize = 5;

/// What files of JUnit say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TestResults {
    /// The tests that ran: without those that were skipped.
    pub(super) ran: usize,
    /// The failures and errors.
    pub(super) failed: usize,
    /// The first of them by name.
    pub(super) named: Vec<String>,
    /// When the oldest suite began, where all files say it with a time zone; else when the oldest file was written.
    pub(super) oldest: Option<SystemTime>,
}

impl TestResults {
    /// Adds what another file says.
    pub(super) fn add(&mut self, other: Self) {
        self.ran += other.ran;
        self.failed += other.failed;
        let room = NAMED - self.named.len().min(NAMED);
        self.named.extend(other.named.into_iter().take(room));
        self.oldest = [self.oldest, other.oldest].into_iter().flatten().min();
    }
}

/// Reads a file.
///
/// # Errors
/// Why it cannot be read, or that it is no JUnit file, in words.
pub(super) fn read(path: &Path) -> Result<TestResults, String> {
    let file = plain_file::open(path).map_err(|failure| failure.what)?.ok_or("it is gone")?;
    let written = file.metadata().and_then(|metadata| metadata.modified()).ok();
    let mut text = String::new();
    let size = file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if size as u64 > MAX_BYTES {
        return Err("larger than 64 MB".to_owned());
    }
    let mut results = parse(&text)?;
    results.oldest = results.oldest.or(written);
    Ok(results)
}

/// Reads the text of a file. Without a suite that says when it began, nothing is said about the time.
pub(super) fn parse(text: &str) -> Result<TestResults, String> {
    let mut reader = Reader::from_str(text);
    let mut results = TestResults::default();
    let mut open = Vec::new();
    let mut test: Option<OpenTest> = None;
    let (mut claimed, mut rooted) = (0, false);
    loop {
        let event = reader.read_event().map_err(|error| format!("it is no XML: {error}"))?;
        rooted |= matches!(event, Event::Start(_) | Event::Empty(_));
        match event {
            Event::Start(element) => {
                begin(&element, &mut results, &mut test, &mut claimed, open.is_empty())?;
                open.push(element.local_name().as_ref().to_vec());
            }
            Event::Empty(element) => {
                begin(&element, &mut results, &mut test, &mut claimed, open.is_empty())?;
                end(element.local_name().as_ref(), &mut results, &mut test);
            }
            Event::End(element) => {
                open.pop();
                end(element.local_name().as_ref(), &mut results, &mut test);
            }
            Event::Eof if !open.is_empty() => return Err("it is cut off".to_owned()),
            Event::Eof => break,
            _ => {}
        }
    }
    if !rooted {
        return Err("it is no JUnit file: it has no element".to_owned());
    }
    // A suite may count what it has no element for.
    results.failed = results.failed.max(claimed);
    Ok(results)
}

/// A test whose element is open.
struct OpenTest {
    name: String,
    skipped: bool,
    failed: bool,
}

fn begin(
    element: &BytesStart<'_>,
    results: &mut TestResults,
    test: &mut Option<OpenTest>,
    claimed: &mut usize,
    is_root: bool,
) -> Result<(), String> {
    let attribute = |name: &str| -> Result<Option<String>, String> {
        let found = element.try_get_attribute(name).map_err(|error| format!("it is no XML: {error}"))?;
        Ok(found.map(|found| String::from_utf8_lossy(&found.value).into_owned()))
    };
    let name = element.local_name();
    let name = name.as_ref();
    if is_root && !matches!(name, b"testsuites" | b"testsuite") {
        return Err(format!("it is no JUnit file: it begins with <{}>", String::from_utf8_lossy(name)));
    }
    match name {
        b"testsuites" | b"testsuite" => {
            for counted in ["failures", "errors"] {
                let count = attribute(counted)?.and_then(|text| text.trim().parse::<usize>().ok());
                *claimed = (*claimed).max(count.unwrap_or(0));
            }
            let began = attribute("timestamp")?.and_then(|text| moment(&text));
            results.oldest = [results.oldest, began].into_iter().flatten().min();
        }
        b"testcase" => {
            let names = [attribute("classname")?, attribute("name")?];
            let names: Vec<String> = names.into_iter().flatten().filter(|name| !name.is_empty()).collect();
            *test = Some(OpenTest { name: names.join(" "), skipped: false, failed: false });
        }
        b"failure" | b"error" => match test {
            Some(test) => test.failed = true,
            // pytest and others report what broke outside of a test.
            None => results.failed += 1,
        },
        b"skipped" | b"disabled" => {
            if let Some(test) = test {
                test.skipped = true;
            }
        }
        _ => {}
    }
    Ok(())
}

fn end(name: &[u8], results: &mut TestResults, test: &mut Option<OpenTest>) {
    if name != b"testcase" {
        return;
    }
    let Some(test) = test.take() else { return };
    results.ran += usize::from(!test.skipped || test.failed);
    if test.failed {
        results.failed += 1;
        if results.named.len() < NAMED {
            results.named.push(test.name);
        }
    }
}

/// A moment with its time zone: `2026-11-30T12:00:00Z`, `2026-11-30T13:00:00.123+01:00`. Without one nobody knows which is meant.
fn moment(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    if text.ends_with('Z') {
        return humantime::parse_rfc3339(text).ok();
    }
    let (local, zone) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let offset = Duration::from_secs(hours.parse::<u64>().ok()? * 3600 + minutes.parse::<u64>().ok()? * 60);
    let local = humantime::parse_rfc3339(&format!("{local}Z")).ok()?;
    match zone.as_bytes().first()? {
        b'+' => local.checked_sub(offset),
        b'-' => local.checked_add(offset),
        _ => None,
    }
}
