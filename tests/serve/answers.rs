//! HTTP: paths, methods, clients that are slow, wrong or too many, and addresses.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::{OFTEN, Served, connect, site};
use crate::support::project::Project;

#[test]
fn each_path_is_answered_by_get_and_head_alone() {
    let (project, database) = site();
    let served = Served::start(&project, &database, OFTEN);
    served.wait_for_code(200);
    for (path, content) in [
        ("/livez", "text/plain; charset=utf-8"),
        ("/readyz", "text/plain; charset=utf-8"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/metrics?name=value", "text/plain; version=0.0.4; charset=utf-8"),
        ("/", "text/html; charset=utf-8"),
    ] {
        let mut client = served.client();
        let answer = client.ask("GET", path, "");
        assert_eq!((answer.code, answer.headers["content-type"].as_str()), (200, content), "{path}");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        // The same connection goes on: nothing of a body was sent.
        let head = client.ask("HEAD", path, "");
        assert_eq!((head.code, head.body.as_str()), (200, ""), "{path}");
        assert!(head.headers["content-length"].parse::<u64>().unwrap() > 0, "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
            let answer = client.ask(method, path, "Content-Length: 0\r\n");
            assert_eq!(
                (answer.code, answer.headers["allow"].as_str()),
                (405, "GET, HEAD"),
                "{method} {path}"
            );
        }
    }
    for path in ["/nothing", "/metrics/", "/../etc/passwd", "/%2e%2e/", "/livez/../readyz"] {
        let answer = served.get(path);
        assert_eq!(answer.code, 404, "{path}");
        assert!(answer.body.contains("/livez, /readyz, /metrics"), "{}", answer.body);
    }
    served.stop();
}

/// What a connection is answered that sends these bytes, and how long it is kept.
fn sent(port: u16, bytes: &[u8]) -> (String, Duration) {
    let mut stream = connect(port);
    let begun = Instant::now();
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut part) {
        answer.extend(&part[..count]);
    }
    (String::from_utf8_lossy(&answer).into_owned(), begun.elapsed())
}

#[test]
fn what_is_no_request_is_refused_and_closes_its_connection() {
    let (project, database) = site();
    let served = Served::start(&project, &database, &[]);
    let long = "a".repeat(64 * 1024);
    for (request, code) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), "431"),
        (format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"), "431"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        ("\u{16}\u{3}\u{1}\u{2}\0\r\n".to_owned(), "400"),
    ] {
        let (answer, _) = sent(served.port, request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{code}: {answer}");
    }
    // HTTP/1.0 closes by itself.
    let (answer, kept) = sent(served.port, b"GET /livez HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.0 200") && kept < Duration::from_secs(5), "{answer} {kept:?}");
    assert_eq!(served.get("/livez").code, 200);
    served.stop();
}

/// More silent clients than there are places, and clients that never end their request: the others are answered when those
/// have lost their places.
#[test]
fn slow_clients_lose_their_places() {
    let (project, database) = site();
    let served = Served::start(&project, &database, &[]);
    let mut slow: Vec<TcpStream> = (0..200).map(|_| connect(served.port)).collect();
    for stream in slow.iter_mut().step_by(2) {
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nX-");
    }
    let begun = Instant::now();
    assert_eq!(served.get("/livez").code, 200);
    assert!(begun.elapsed() < Duration::from_secs(29), "{:?}", begun.elapsed());
    drop(slow);
    served.stop();
}

#[test]
fn an_address_that_is_taken_or_none_is_refused() {
    let (project, database) = site();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let serve = |address: &str| project.without_postgres(["serve", "--listen", address], &database);
    serve(&address).exit(75).says(["another process does", "next: `ss -ltnp"]).lacks("listening");
    serve("192.0.2.1:8642").exit(2).says(["this machine does not have that address", "next:"]);
    for wrong in [":8642", "8642", "example.com:80", "127.0.0.1"] {
        serve(wrong).exit(2).says("an IP address and a port");
    }
    serve("127.0.0.1:0").args(["--max-age", "9s"]).exit(2).says("twice as long as --interval");
    for wrong in [["--format", "json"], ["--output", "report.html"]] {
        serve("127.0.0.1:0")
            .args(wrong)
            .exit(2)
            .says(["writes no report", "trueup check --format prometheus"]);
    }
}

/// Nobody but this machine reaches it unless it is told otherwise; then it says so.
#[test]
fn it_listens_on_loopback_unless_it_is_told_otherwise() {
    let (project, database) = site();
    let help = project.without_postgres(["serve", "--help"], &database).exit(0);
    help.says("[default: 127.0.0.1:8642]");
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let running = project
        .without_postgres(["serve", "--listen", "0.0.0.0:0"], &database)
        .stderr(std::fs::File::create(&log).unwrap())
        .start();
    let said = || std::fs::read_to_string(&log).unwrap();
    crate::support::wait_for("listening", || said().contains("listening"));
    assert!(said().contains(": anyone who can reach this address gets answers"), "{}", said());
    running.stop(nix::sys::signal::Signal::SIGINT, Duration::from_secs(10)).exit(0);
}

#[test]
fn wrong_files_end_it_before_it_listens() {
    let (project, database) = site();
    std::fs::write(project.path().join("checks/broken.sql"), "SELECT 1;\n").unwrap();
    let serve = |project: &Project| project.without_postgres(["serve", "--listen", "127.0.0.1:0"], &database);
    serve(&project).exit(2).says("checks/broken.sql").lacks("listening");
    std::fs::remove_file(project.path().join("checks/broken.sql")).unwrap();
    std::fs::remove_file(project.lock()).unwrap();
    serve(&project).exit(2).says("trueup.lock is missing").lacks("listening");
    let (project, _) = site();
    serve(&project).env_remove("DATABASE_URL").exit(2).says("DATABASE_URL is not set").lacks("listening");
}
