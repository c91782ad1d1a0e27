//! A real server with certificates that are valid, expired, for another host, and signed by nobody.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use super::{doctor, document, examination, expect, result, site, what};
use crate::support::cluster::Cluster;

/// A certificate authority in a directory.
struct Authority(tempfile::TempDir);

impl Authority {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        openssl(
            dir.path(),
            &[&REQUEST[..], &["-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=an authority"]]
                .concat(),
        );
        Self(dir)
    }

    fn root(&self) -> String {
        self.0.path().join("ca.pem").display().to_string()
    }

    /// A certificate for a host, valid for so many days, and its key.
    fn signs(&self, host: &str, days: &str) -> (Vec<u8>, Vec<u8>) {
        let dir = self.0.path();
        let names = format!("subjectAltName=DNS:{host}");
        openssl(
            dir,
            &[
                &REQUEST[..],
                &["-keyout", "s.key", "-out", "s.csr", "-subj", "/CN=a server", "-addext", &names],
            ]
            .concat(),
        );
        openssl(
            dir,
            &[
                "x509",
                "-req",
                "-in",
                "s.csr",
                "-CA",
                "ca.pem",
                "-CAkey",
                "ca.key",
                "-days",
                days,
                "-out",
                "s.pem",
                "-copy_extensions",
                "copy",
            ],
        );
        (fs::read(dir.join("s.pem")).unwrap(), fs::read(dir.join("s.key")).unwrap())
    }
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

    let (certificate, key) = ours.signs("localhost", "100");
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

    present(&cluster, ours.signs("localhost", "5"));
    wait_for(&|found| result(found, "tls") == "warn: ends", &full(&ours));

    present(&cluster, ours.signs("db.example.com", "100"));
    wait_for(&|found| result(found, "tls") == "fail: name", &full(&ours));
    assert!(what(&look(&full(&ours)), "tls").contains("is for db.example.com, not for localhost"));
    let only_signed = format!("sslmode=verify-ca&sslrootcert={}", ours.root());
    assert_eq!(result(&look(&only_signed), "tls"), "ok");

    present(&cluster, ours.signs("localhost", "-1"));
    wait_for(&|found| result(found, "tls") == "fail: expired", &full(&ours));
    expect(&look("sslmode=prefer"), &[("tls", "warn: expired"), ("authentication", "ok")]);
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
