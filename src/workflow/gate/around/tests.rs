//! The parts that need no database.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime};

use super::super::section::Conclusion;
use super::junit::{self, TestResults};
use super::{people, report_files};
use crate::project::AttestSettings;
use crate::workflow::attestation::{Attestation, AttestedState};

fn time(text: &str) -> SystemTime {
    humantime::parse_rfc3339(text).unwrap()
}

#[test]
fn the_files_of_the_field_are_read() {
    let pytest = "<?xml version=\"1.0\"?><testsuites><testsuite name=\"pytest\" errors=\"0\" failures=\"1\" skipped=\"1\" tests=\"3\" \
                  timestamp=\"2026-11-30T13:00:00.500+01:00\"><testcase classname=\"t\" name=\"a\"/><testcase classname=\"t\" \
                  name=\"b &amp; c\"><failure message=\"x\">no</failure></testcase><testcase name=\"s\"><skipped/></testcase>\
                  </testsuite></testsuites>";
    let found = junit::parse(pytest).unwrap();
    assert_eq!((found.ran, found.failed, found.named.len()), (2, 1, 1));
    assert_eq!(found.oldest, Some(time("2026-11-30T12:00:00.5Z")));
    // Surefire: one suite, properties, output, a time without a zone.
    let surefire = "<testsuite tests=\"1\" timestamp=\"2026-11-30T12:00:00\"><properties><property name=\"a\" value=\"b\"/></properties>\
                    <testcase name=\"a\"><flakyFailure>once</flakyFailure><system-out><![CDATA[<failure>]]></system-out></testcase></testsuite>";
    let found = junit::parse(surefire).unwrap();
    assert_eq!(found, TestResults { ran: 1, ..TestResults::default() });
    // What broke outside of a test, as an element and as a number.
    for broken in [
        "<testsuite><testcase name=\"a\"/><error message=\"x\"/></testsuite>",
        "<testsuites errors=\"1\"><testsuite><testcase name=\"a\"/></testsuite></testsuites>",
    ] {
        assert_eq!(junit::parse(broken).unwrap().failed, 1, "{broken}");
    }
    for skipped in [
        "<testsuite/>",
        "<testsuites></testsuites>",
        "<testsuite><testcase><skipped/></testcase></testsuite>",
    ] {
        assert_eq!(junit::parse(skipped).unwrap().ran, 0, "{skipped}");
    }
    for wrong in
        ["", "  ", "no XML", "<html/>", "<testsuite><testcase>", "<testsuite></testcase></testsuite>", "{}"]
    {
        assert!(junit::parse(wrong).is_err(), "{wrong:?}: {:?}", junit::parse(wrong));
    }
}

#[test]
fn files_are_found_by_their_pattern() {
    let project = tempfile::tempdir().unwrap();
    for name in [
        "reports/a.xml",
        "reports/b.xml",
        "reports/c.txt",
        "x/y/reports/d.xml",
        ".git/reports/e.xml",
        "f.xml",
    ] {
        let path = project.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let find = |pattern: &str| -> Vec<String> {
        let found = report_files::files(project.path(), pattern).unwrap();
        found.iter().map(|path| path.strip_prefix(project.path()).unwrap().display().to_string()).collect()
    };
    assert_eq!(find("reports/*.xml"), ["reports/a.xml", "reports/b.xml"]);
    assert_eq!(find("./reports/a.xml"), ["reports/a.xml"]);
    assert_eq!(find("**/reports/*.xml"), ["reports/a.xml", "reports/b.xml", "x/y/reports/d.xml"]);
    assert_eq!(find("**/*.xml").len(), 4);
    assert_eq!(find("x/*/reports/?.xml"), ["x/y/reports/d.xml"]);
    for none in ["nothing/*.xml", "f.xml/*.xml", "reports", "*"] {
        assert!(find(none).iter().all(|found| found == "f.xml" && none == "*"), "{none}");
    }
}

#[test]
fn people_are_counted_by_name_for_this_state() {
    let now = time("2026-11-30T12:00:00Z");
    let (lock, pending) = ("l1".to_owned(), vec!["2".to_owned(), "3".to_owned()]);
    let state = AttestedState { lock: &lock, pending: &pending };
    let line = |by: &str, at: &str| Attestation {
        name: "tested".into(),
        by: by.into(),
        reason: "looked".into(),
        at: at.into(),
        commit: None,
        lock: "l1".into(),
        pending: pending.clone(),
    };
    let wanted =
        |by| AttestSettings { name: "tested".into(), by, expires: Some(Duration::from_secs(7 * 86_400)) };
    let today = "2026-11-30T11:00:00Z";
    let soon = AttestSettings { expires: Some(Duration::from_secs(1)), ..wanted(1) };
    let judged = people::told(&[soon], &[line("Alice", today)], state, None, now);
    assert!(judged.what.ends_with("it counts for 1 s"), "{}", judged.what);
    let alice = line("Alice", today);
    let judge = |by, lines: &[Attestation], authors: Option<Result<&[&str], &str>>| {
        let authors = authors.map(|authors| {
            let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
            authors.map(names).map_err(str::to_owned)
        });
        let judged = people::told(&[wanted(by)], lines, state, authors.as_ref(), now);
        let code = judged.findings.first().map_or(String::new(), |found| found.code.clone());
        (judged.conclusion, code, judged.what)
    };
    let expect = |found: (Conclusion, String, String), conclusion, code: &str, words: &str| {
        assert_eq!((found.0, found.1.as_str()), (conclusion, code), "{}", found.2);
        assert!(found.2.contains(words), "{words}: {}", found.2);
    };
    let (ready, blocks) = (Conclusion::Ready, Conclusion::Blocks);
    expect(judge(1, &[], None), blocks, "gate.people.missing", "nobody has said so");
    expect(judge(1, std::slice::from_ref(&alice), None), ready, "", "1 attestation");
    let old = line("Alice", "2026-11-20T11:00:00Z");
    expect(judge(1, std::slice::from_ref(&old), None), blocks, "gate.people.expired", "it counts for 7 days");
    expect(
        judge(1, &[line("Alice", "2026-12-30T11:00:00Z")], None),
        blocks,
        "gate.people.expired",
        "in the future",
    );
    expect(judge(1, &[line("Alice", "yesterday")], None), blocks, "gate.people.expired", "has no time");
    expect(judge(1, &[old, alice.clone()], None), ready, "", "");
    let other_lock = Attestation { lock: "l2".into(), ..alice.clone() };
    expect(judge(1, &[other_lock], None), blocks, "gate.people.void", "another trueup.lock");
    let other_pending = Attestation { pending: vec!["2".into()], ..alice.clone() };
    expect(
        judge(1, &[other_pending], None),
        blocks,
        "gate.people.void",
        "made when 2 was pending, and now 2, 3 is",
    );
    let other = Attestation { name: "other".into(), ..alice.clone() };
    expect(judge(1, &[other], None), blocks, "gate.people.missing", "");
    // Two of them: other names, and no author.
    let nobody: Option<Result<&[&str], &str>> = Some(Ok(&["Carol", "carol@example.com"]));
    let bob = line("Bob", today);
    expect(
        judge(2, std::slice::from_ref(&alice), nobody),
        blocks,
        "gate.people.too_few",
        "1 of 2 names said so",
    );
    expect(
        judge(2, &[alice.clone(), line(" alice ", today), line("Al\u{200b}ice", today)], nobody),
        blocks,
        "gate.people.too_few",
        "1 of 2 names",
    );
    expect(judge(2, &[alice.clone(), bob.clone()], nobody), ready, "", "");
    let both = [alice.clone(), bob];
    expect(
        judge(2, &both, Some(Ok(&["Alice"]))),
        blocks,
        "gate.people.too_few",
        "Alice wrote one of the migrations",
    );
    expect(
        judge(2, &both, Some(Err("no git"))),
        Conclusion::CannotTell,
        "",
        "who wrote the migrations is not known: no git",
    );
    expect(judge(2, &[alice], Some(Err("no git"))), blocks, "gate.people.too_few", "1 of 2");
}
