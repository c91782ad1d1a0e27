//! A real server with certificates that are valid, expired, for another host, and signed by nobody.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::{doctor, document, examination, expect, result, site, what};
use crate::support::cluster::{Cluster, cluster};

/// A certificate authority in a directory, which has its root as well.
struct Authority {
    dir: tempfile::TempDir,
    /// What goes with the certificates that it signs: its own, and those above it but the root.
    chain: Vec<u8>,
}

/// What `openssl ca` wants to know. It can sign for a time that has gone by.
const SETTINGS: &str = "
[ca]
default_ca = one
[one]
database = index.txt
new_certs_dir = .
rand_serial = yes
certificate = ca.pem
private_key = ca.key
default_md = sha256
copy_extensions = copy
unique_subject = no
policy = names
[names]
commonName = supplied
[authority]
basicConstraints = critical,CA:true
";

impl Authority {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        openssl(
            dir.path(),
            &[&REQUEST[..], &["-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=an authority"]]
                .concat(),
        );
        fs::copy(dir.path().join("ca.pem"), dir.path().join("root.pem")).unwrap();
        Self::in_dir(dir, Vec::new())
    }

    fn in_dir(dir: tempfile::TempDir, chain: Vec<u8>) -> Self {
        fs::write(dir.path().join("ca.cnf"), SETTINGS).unwrap();
        fs::write(dir.path().join("index.txt"), "").unwrap();
        Self { dir, chain }
    }

    fn root(&self) -> String {
        self.dir.path().join("root.pem").display().to_string()
    }

    /// Another authority below this one, until so many days from now.
    fn below(&self, days: i64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) =
            self.sign("one below it", "a.example.com", days, &["-extensions", "authority"]);
        fs::write(dir.path().join("ca.pem"), &certificate).unwrap();
        fs::write(dir.path().join("ca.key"), key).unwrap();
        fs::copy(self.root(), dir.path().join("root.pem")).unwrap();
        Self::in_dir(dir, [certificate, self.chain.clone()].concat())
    }

    /// A certificate for a host, valid until so many days from now, with those above it; and its key.
    fn signs(&self, host: &str, days: i64) -> (Vec<u8>, Vec<u8>) {
        let (certificate, key) = self.sign("a server", host, days, &[]);
        ([certificate, self.chain.clone()].concat(), key)
    }

    fn sign(&self, name: &str, host: &str, days: i64, more: &[&str]) -> (Vec<u8>, Vec<u8>) {
        let dir = self.dir.path();
        let (subject, names) = (format!("/CN={name}"), format!("subjectAltName=DNS:{host}"));
        openssl(
            dir,
            &[&REQUEST[..], &["-keyout", "s.key", "-out", "s.csr", "-subj", &subject, "-addext", &names]]
                .concat(),
        );
        let (from, to) = (moment(-10), moment(days));
        let sign = ["ca", "-batch", "-notext", "-config", "ca.cnf", "-in", "s.csr", "-out", "s.pem"];
        openssl(dir, &[&sign[..], &["-startdate", &from, "-enddate", &to], more].concat());
        (fs::read(dir.join("s.pem")).unwrap(), fs::read(dir.join("s.key")).unwrap())
    }
}

/// So many days from now, as `openssl ca` wants it.
fn moment(days: i64) -> String {
    let seconds = Duration::from_secs(days.unsigned_abs() * 24 * 3600);
    let moment = if days < 0 { SystemTime::now() - seconds } else { SystemTime::now() + seconds };
    humantime::format_rfc3339_seconds(moment).to_string().replace(['-', ':', 'T'], "")
}

const REQUEST: [&str; 6] = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

fn openssl(dir: &Path, args: &[&str]) {
    let done = Command::new("openssl").args(args).current_dir(dir).output().expect("openssl");
    assert!(done.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Gives a server another certificate.
fn present(cluster: &Cluster, (certificate, key): (Vec<u8>, Vec<u8>)) {
    let data = cluster.socket_dir().join("data");
    let owner = fs::metadata(&data).unwrap();
    for (name, bytes) in [("server.pem", certificate), ("server.key", key)] {
        let new = data.join(format!("{name}.new"));
        fs::write(&new, bytes).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&new, Some(owner.uid()), Some(owner.gid())).unwrap();
        fs::rename(&new, data.join(name)).unwrap();
    }
    cluster.psql("SELECT pg_reload_conf()");
}

#[test]
fn certificates_are_judged_by_what_the_url_checks() {
    let (project, _database) = site("");
    let (ours, other) = (Authority::new(), Authority::new());
    let cluster = Cluster::start(&[]);
    let look = |parameters: &str| {
        let url = cluster.url("app@localhost", &format!("shop?{parameters}"));
        let found = doctor(&project, url.as_str()).args(["--format", "json"]).run().document();
        // The judgement is that of the connection itself.
        let logs_in = examination(&found, "authentication")["result"] == "ok";
        assert_eq!(logs_in, examination(&found, "tls")["result"] != "fail", "{parameters}: {found:#}");
        found
    };
    let full = |authority: &Authority| format!("sslmode=verify-full&sslrootcert={}", authority.root());
    let wait_for = |subject_is_valid_until: &dyn Fn(&serde_json::Value) -> bool, parameters: &str| {
        crate::support::wait_for("the new certificate", || subject_is_valid_until(&look(parameters)));
    };

    let (certificate, key) = ours.signs("localhost", 100);
    present(&cluster, (certificate, key));
    wait_for(&|found| result(found, "tls") == "ok", &full(&ours));
    let found = look(&full(&ours));
    let said = what(&found, "tls");
    assert!(
        said.starts_with(
            "TLSv1.3, sslmode=verify-full; CN=a server, signed by CN=an authority, valid until 20"
        ),
        "{said}"
    );
    assert_eq!(result(&look(&full(&other)), "tls"), "fail: untrusted");
    assert_eq!(result(&look("sslmode=require"), "tls"), "ok", "a connection of this machine to itself");
    assert_eq!(result(&look("sslmode=disable"), "tls"), "ok");

    present(&cluster, ours.signs("localhost", 5));
    wait_for(&|found| result(found, "tls") == "warn: ends", &full(&ours));

    present(&cluster, ours.signs("db.example.com", 100));
    wait_for(&|found| result(found, "tls") == "fail: name", &full(&ours));
    assert!(what(&look(&full(&ours)), "tls").contains("is for db.example.com, not for localhost"));
    let only_signed = format!("sslmode=verify-ca&sslrootcert={}", ours.root());
    assert_eq!(result(&look(&only_signed), "tls"), "ok");

    present(&cluster, ours.signs("localhost", -1));
    wait_for(&|found| result(found, "tls") == "fail: expired", &full(&ours));
    expect(&look("sslmode=prefer"), &[("tls", "warn: expired"), ("authentication", "ok")]);
    // That it has expired hides nothing else.
    assert_eq!(result(&look(&full(&other)), "tls"), "fail: expired, untrusted");

    present(&cluster, ours.below(50).signs("localhost", 100));
    wait_for(&|found| result(found, "tls") == "ok", &full(&ours));
    present(&cluster, ours.below(-1).signs("localhost", 100));
    wait_for(&|found| result(found, "tls") == "fail: untrusted", &full(&ours));
    let found = look(&full(&ours));
    let said = what(&found, "tls");
    assert!(said.contains("a certificate above it, CN=one below it, has expired on 20"), "{said}");
}

#[test]
fn roots_that_cannot_be_read_are_named_before_anybody_is_asked() {
    let (project, _database) = site("");
    let cluster = cluster();
    let empty = project.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    for file in ["/nope.pem", empty.to_str().unwrap()] {
        let rest = format!("shop?sslmode=verify-full&sslrootcert={file}");
        let found = document(doctor(&project, cluster.url("app@localhost", &rest).as_str()), 1);
        expect(&found, &[("tls", "fail: connection.tls"), ("tcp", "ok")]);
        let problem = &examination(&found, "tls")["problems"][0];
        assert!(
            problem["what"].as_str().unwrap().starts_with(&format!("sslrootcert: {file} ")),
            "{problem:#}"
        );
        assert!(problem["next"].as_str().unwrap().contains("sslrootcert=FILE"), "{problem:#}");
    }
}

#[test]
fn a_server_without_tls_is_told() {
    let (project, _database) = site("");
    let cluster = Cluster::start(&["ssl=off"]);
    let url = |parameters: &str| cluster.url("app@127.0.0.1", &format!("shop{parameters}"));
    let found = document(doctor(&project, url("").as_str()), 0);
    assert_eq!(
        what(&found, "tls"),
        "the server offers no TLS (sslmode=prefer); the connection stays on this machine"
    );
    let found = document(doctor(&project, url("?sslmode=require").as_str()), 1);
    expect(&found, &[("tls", "fail: none"), ("authentication", "fail: connection.tls")]);
}
