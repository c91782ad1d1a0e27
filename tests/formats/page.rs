//! The HTML file: parsed strictly, and opened in a browser that would ask for whatever a page wants.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::made::{self, Made};
use super::readers;
use crate::support::program::Program;

/// All that a page is made of. Nothing of it runs, loads, sends or refers to anything.
const ELEMENTS: [&str; 31] = [
    "body", "br", "caption", "code", "dd", "del", "dl", "dt", "footer", "h1", "h2", "head", "html", "ins",
    "main", "meta", "p", "pre", "span", "strong", "style", "table", "tbody", "td", "th", "thead", "title",
    "tr", "div", "ul", "li",
];
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

#[test]
fn a_strict_parser_finds_one_file_without_any_link() {
    let Some(python) = readers::python() else { return readers::did_not_run("html5lib", "HTML") };
    for made in made::all() {
        let read = python.read("html", &[&made.file("html")]);
        let elements = read["elements"].as_object().unwrap();
        let unknown: Vec<_> = elements.keys().filter(|name| !ELEMENTS.contains(&name.as_str())).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", made.name);
        assert_eq!(read["links"], serde_json::json!([]), "{}", made.name);
        assert_eq!(read["handlers"], serde_json::json!([]), "{}", made.name);
        assert_eq!(read["policies"], serde_json::json!([POLICY]), "{}", made.name);
        assert_eq!(elements["style"], 1, "{}", made.name);
        let style = read["styles"][0].as_str().unwrap();
        assert!(!style.contains("url(") && !style.contains("@import"), "{style}");
        let code: BTreeSet<&str> =
            read["code"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
        for finding in made.findings().iter().filter(|finding| finding["kind"] != "data_check") {
            let object = trueup::output::escape(finding["object"].as_str().unwrap()).into_owned();
            assert!(code.contains(object.as_str()), "{}: {object}", made.name);
        }
    }
}

const NOTHING: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// A proxy that notes which hosts somebody asks it for, and gives nobody anything.
pub(crate) struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { port: listener.local_addr().unwrap().port(), asked: Arc::default() };
        let asked = Arc::clone(&proxy.asked);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let asked = Arc::clone(&asked);
                // A browser opens connections beforehand that it does not use.
                std::thread::spawn(move || {
                    let mut request = [0; 1024];
                    let length = stream.read(&mut request).unwrap_or(0);
                    let text = String::from_utf8_lossy(&request[..length]);
                    asked.lock().unwrap().push(text.lines().next().unwrap_or_default().to_owned());
                    let _ = stream.write_all(NOTHING);
                });
            }
        });
        proxy
    }

    /// What was asked for from the hosts of the tests' names. A browser asks for other things on its own.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|line| line.contains("request.invalid")).cloned().collect()
    }
}

/// What a browser makes of a file, as HTML.
fn opened(browser: &Path, page: &Path, proxy: &Proxy) -> String {
    opened_at(browser, &format!("file://{}", page.display()), proxy, false)
}

/// What a browser makes of a page. Where it may, it asks this machine without the proxy.
pub(crate) fn opened_at(browser: &Path, url: &str, proxy: &Proxy, from_this_machine: bool) -> String {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Program::of(browser).into_command();
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
    ]);
    command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    command.arg(format!("--user-data-dir={}", profile.path().display()));
    let bypass = if from_this_machine { "127.0.0.1" } else { "<-loopback>" };
    command.arg(format!("--proxy-server=127.0.0.1:{}", proxy.port));
    command.arg(format!("--proxy-bypass-list={bypass}")).arg("--dump-dom").arg(url);
    let mut browser =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut output = browser.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        text
    });
    let begin = Instant::now();
    while browser.try_wait().unwrap().is_none() {
        if begin.elapsed() > Duration::from_secs(120) {
            let _ = browser.kill();
            panic!("the browser does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    reader.join().unwrap()
}

fn copied(made: &Made, name: &str, change: impl Fn(String) -> String) -> std::path::PathBuf {
    let page = made.file(name);
    fs::write(&page, change(made.text("html"))).unwrap();
    page
}

/// The hostile names ask for four things, run two scripts and change the title where they become markup.
#[test]
fn a_browser_asks_for_nothing_and_runs_nothing() {
    let Some(browser) = readers::browser() else { return readers::did_not_run("chromium", "HTML") };
    for (name, command) in
        [("hostile", "check"), ("seeded", "seed"), ("verified", "verify"), ("nowhere", "check")]
    {
        let made = made::named(name);
        let proxy = Proxy::start();
        let page = copied(made, "page.html", |page| page);
        let document = opened(&browser, &page, &proxy);
        assert_eq!(proxy.asked(), Vec::<String>::new(), "{name}");
        assert!(document.contains(&format!("<title>trueup {command}: ")), "{name}");
        assert!(document.trim_end().ends_with("</html>"), "{name}: the whole page was read");
        for markup in ["<script", "<img", "<link", "<a ", "<iframe", "<object", "onerror=\""] {
            assert!(!document.contains(markup), "{name}: {markup}");
        }
    }
}

/// The same test of a page that is not as ours are: it sees a request, and that the policy prevents it.
#[test]
fn the_policy_holds_where_a_name_would_become_markup() {
    const MARKUP: &str = "<img src='http://request.invalid/control'>\
        <link rel=stylesheet href='http://request.invalid/style'>\
        <iframe src='http://request.invalid/frame'></iframe><script>document.title = 'owned'</script></main>";
    let Some(browser) = readers::browser() else { return readers::did_not_run("chromium", "HTML") };
    let made = made::named("hostile");
    let injected = |page: String| page.replace("</main>", MARKUP);
    let without_policy = |page: String| injected(page).replace("Content-Security-Policy", "x-nothing");

    let proxy = Proxy::start();
    let document = opened(&browser, &copied(made, "without_policy.html", without_policy), &proxy);
    assert!(proxy.asked().iter().any(|line| line.contains("/control")), "{:?}", proxy.asked());
    assert!(document.contains("<title>owned</title>"));

    let proxy = Proxy::start();
    let document = opened(&browser, &copied(made, "injected.html", injected), &proxy);
    assert_eq!(proxy.asked(), Vec::<String>::new());
    assert!(document.contains("<title>trueup check: "), "no script runs");
}
