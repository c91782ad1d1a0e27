//! F50: what goes wrong between trueup and the bucket. Afterwards there is no backup, nothing of one, and no secret was said.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::proxy::{Deed, Proxy, Request};
use super::server::{self, Bucket};
use super::site::Site;
use crate::support::program::Ran;

/// An answer as S3 gives it.
fn refusal(status: &'static str, code: &str, message: &str, more: &str) -> Deed {
    Deed::Answer(
        status,
        format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
        ),
    )
}

/// There is nothing in the bucket, nor on its way into it.
#[track_caller]
fn nothing(site: &Site, bucket: &Bucket) {
    site.settings(bucket, &format!("http://127.0.0.1:{}", bucket.port), "");
    assert_eq!(site.listed(), Vec::<String>::new());
    assert_eq!(bucket.objects(), Vec::<String>::new());
    assert_eq!(bucket.unfinished(), 0);
}

/// Takes a backup through a proxy, which must fail.
#[track_caller]
fn fails(
    site: &Site,
    bucket: &Bucket,
    more: &str,
    decide: impl Fn(&Request) -> Deed + Send + Sync + 'static,
) -> Ran {
    let proxy = Proxy::before(bucket.port, decide);
    site.settings(bucket, &proxy.endpoint(), more);
    site.run(&["backup"]).says("next: ")
}

#[test]
fn f50_a_connection_cut_again_and_again_ends_in_no_backup() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(30);
    fails(&site, &bucket, "", |request| match request.target.contains("partNumber=2") {
        true => Deed::Cut(3 << 20),
        false => Deed::Pass,
    })
    .exit(5)
    .says(["no backup was taken", "archive.dump"]);
    nothing(&site, &bucket);
}

#[test]
fn f50_a_connection_cut_once_is_got_over() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(20);
    let cut = AtomicUsize::new(0);
    let proxy = Proxy::before(bucket.port, move |request| {
        let first = request.target.contains("partNumber=2") && cut.fetch_add(1, Ordering::Relaxed) == 0;
        if first { Deed::Cut(3 << 20) } else { Deed::Pass }
    });
    site.settings(&bucket, &proxy.endpoint(), "");
    site.run(&["backup"]).exit(0);
    let parts = proxy.seen().iter().filter(|request| request.target.contains("partNumber=2")).count();
    assert_eq!(parts, 2);
    site.run(&["backup", "verify", "latest"]).exit(0);
    assert_eq!(bucket.unfinished(), 0);
}

#[test]
fn f50_credentials_that_expire_meanwhile_end_in_no_backup() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(30);
    // S3 repeats the session's token in this answer.
    let token = format!("<Token-0>{}</Token-0>", site.token());
    let expired = AtomicUsize::new(0);
    fails(&site, &bucket, "", move |request| {
        // For as long as it takes to say so: whoever aborts may have new ones.
        if request.is_part() && expired.fetch_add(1, Ordering::Relaxed) == 1 {
            return refusal("400 Bad Request", "ExpiredToken", "The provided token has expired.", &token);
        }
        Deed::Pass
    })
    .exit(5)
    .says(["the credentials have expired", "renew the credentials"]);
    nothing(&site, &bucket);
}

#[test]
fn f50_credentials_that_have_expired_before_are_refused() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(1);
    let token = format!("<Token-0>{}</Token-0>", site.token());
    fails(&site, &bucket, "", move |_| {
        refusal("400 Bad Request", "ExpiredToken", "The provided token has expired.", &token)
    })
    .exit(4)
    .says("the credentials have expired");
    nothing(&site, &bucket);
}

#[test]
fn f50_a_right_that_is_missing_is_refused_before_anything() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(1);
    fails(&site, &bucket, "", |_| refusal("403 Forbidden", "AccessDenied", "Access Denied", ""))
        .exit(4)
        .says(["403 AccessDenied", "policy"]);
    nothing(&site, &bucket);
}

#[test]
fn f50_a_right_that_is_taken_away_ends_in_no_backup() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(20);
    fails(&site, &bucket, "", |request| match request.is_part() {
        true => refusal("403 Forbidden", "AccessDenied", "Access Denied", ""),
        false => Deed::Pass,
    })
    .exit(5)
    .says("403 AccessDenied");
    nothing(&site, &bucket);
}

#[test]
fn f50_without_the_manifest_there_is_no_backup() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(20);
    fails(&site, &bucket, "", |request| match request.is("PUT", "manifest.json") {
        true => refusal("403 Forbidden", "AccessDenied", "Access Denied", ""),
        false => Deed::Pass,
    })
    .exit(5)
    .says("writing its manifest");
    nothing(&site, &bucket);
}

#[test]
fn f50_a_manifest_that_arrives_without_an_answer_is_taken_back() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(1);
    let (port, name) = (bucket.port, bucket.name.clone());
    fails(&site, &bucket, "", move |request| {
        if !request.is("PUT", "manifest.json") {
            return Deed::Pass;
        }
        let direct = Bucket { port, name: name.clone() };
        let object = request.target.trim_start_matches(&format!("/{name}/")).to_owned();
        assert_eq!(direct.ask("PUT", &object, b"{}").0, 200);
        Deed::Cut(usize::MAX)
    })
    .exit(5);
    nothing(&site, &bucket);
}

#[test]
fn f50_the_manifest_comes_last() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(20);
    let proxy = Proxy::before(bucket.port, |_| Deed::Pass);
    site.settings(&bucket, &proxy.endpoint(), "");
    site.run(&["backup"]).exit(0);
    let seen = proxy.seen();
    assert!(seen.last().unwrap().is("PUT", "manifest.json"), "{seen:?}");
    assert_eq!(seen.iter().filter(|request| request.is_part()).count(), 3, "{seen:?}");
}

#[test]
fn f50_a_store_that_stands_still_ends_in_no_backup() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(30);
    let begun = Instant::now();
    fails(&site, &bucket, "store_timeout = \"5s\"", |request| {
        match request.target.contains("partNumber=2") {
            true => Deed::Stall,
            false => Deed::Pass,
        }
    })
    .exit(5)
    .says("no answer within 5.0 s");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    nothing(&site, &bucket);
}

#[test]
fn f50_errors_of_the_store_end_in_no_backup() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(20);
    let tries = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&tries);
    fails(&site, &bucket, "", move |request| {
        if !request.is_part() {
            return Deed::Pass;
        }
        counted.fetch_add(1, Ordering::Relaxed);
        refusal("500 Internal Server Error", "InternalError", "We encountered an internal error.", "")
    })
    .exit(5)
    .says("500 InternalError");
    assert!(tries.load(Ordering::Relaxed) > 2, "it was tried again");
    nothing(&site, &bucket);
}

#[test]
fn f50_an_object_replaced_while_it_is_read_is_damage() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(20);
    site.settings(&bucket, &format!("http://127.0.0.1:{}", bucket.port), "");
    site.run(&["backup"]).exit(0);
    let archive = bucket.objects().into_iter().find(|object| object.ends_with("archive.dump")).unwrap();
    let (port, name) = (bucket.port, bucket.name.clone());
    let replaced = AtomicUsize::new(0);
    let proxy = Proxy::before(bucket.port, move |request| {
        if request.is("GET", "archive.dump") && replaced.fetch_add(1, Ordering::Relaxed) == 0 {
            let direct = Bucket { port, name: name.clone() };
            assert_eq!(direct.ask("PUT", &archive, &vec![0; 21 << 20]).0, 200);
        }
        Deed::Pass
    });
    site.settings(&bucket, &proxy.endpoint(), "");
    site.run(&["backup", "verify", "latest", "--level", "quick"])
        .exit(1)
        .says("was replaced while it was read");
    // Replaced before: the hash tells.
    let ran = site.run(&["backup", "verify", "latest", "--level", "quick"]).exit(1);
    // The line is wrapped.
    let said = ran.said().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("archive.dump was changed: "), "{said}");
}

#[test]
fn f50_f52_an_archive_replaced_between_its_hash_and_its_restore_is_not_restored() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(20);
    site.settings(&bucket, &format!("http://127.0.0.1:{}", bucket.port), "");
    let archives = || -> Vec<String> {
        bucket.objects().into_iter().filter(|object| object.ends_with("archive.dump")).collect()
    };
    site.run(&["backup"]).exit(0);
    let [first] = archives().try_into().unwrap();
    // A whole archive of the same tables with as many rows: nothing but its bytes tells that it is another.
    site.exec("UPDATE public.filler SET text = 'y' || substr(text, 2) WHERE id = 7");
    site.run(&["backup"]).exit(0);
    let other = archives().into_iter().find(|archive| *archive != first).unwrap();
    let (status, other) = bucket.raw("GET", &other, &[]);
    assert_eq!((status, other.starts_with(b"PGDMP")), (200, true));
    let id = first.split('/').rev().nth(1).unwrap().to_owned();

    // How often it is asked for: read once, and in a whole restore, whose last pass is what pg_restore is given.
    let asked_for = |args: &[&str]| {
        let proxy = Proxy::before(bucket.port, |_| Deed::Pass);
        site.settings(&bucket, &proxy.endpoint(), "");
        site.run(args).exit(0);
        proxy.seen().iter().filter(|request| request.is("GET", "archive.dump")).count()
    };
    let once = asked_for(&["backup", "verify", &id, "--level", "quick"]);
    let (undisturbed, _) = site.beside("undisturbed");
    let all = asked_for(&["restore", &id, "--into", &undisturbed, "--yes"]);
    assert!(all > once, "{all} {once}");
    let (port, name) = (bucket.port, bucket.name.clone());
    let asked = AtomicUsize::new(0);
    let proxy = Proxy::before(bucket.port, move |request| {
        if request.is("GET", "archive.dump") && asked.fetch_add(1, Ordering::Relaxed) == all - once {
            let direct = Bucket { port, name: name.clone() };
            assert_eq!(direct.ask("PUT", &first, &other).0, 200);
        }
        Deed::Pass
    });
    site.settings(&bucket, &proxy.endpoint(), "");
    let (url, is_there) = site.beside("copy");
    site.run(&["restore", &id, "--into", &url, "--yes"]).exit(5).says("nothing was changed");
    assert!(!is_there());
}

#[test]
fn f50_a_store_that_breaks_off_while_it_is_read_is_not_taken_for_damage() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(1);
    site.settings(&bucket, &format!("http://127.0.0.1:{}", bucket.port), "");
    site.run(&["backup"]).exit(0);
    let proxy = Proxy::before(bucket.port, |request| match request.is("GET", "archive.dump") {
        true => refusal("403 Forbidden", "AccessDenied", "Access Denied", ""),
        false => Deed::Pass,
    });
    site.settings(&bucket, &proxy.endpoint(), "");
    site.run(&["backup", "verify", "latest"]).exit(3).says("403 AccessDenied");
}

#[test]
fn f50_what_is_not_there_is_said() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(1);
    let here = format!("http://127.0.0.1:{}", bucket.port);
    let nowhere = Bucket { port: bucket.port, name: "no-such-bucket".to_owned() };
    site.settings(&nowhere, &here, "");
    site.run(&["backup"]).exit(4).says("there is no bucket no-such-bucket");
    site.run(&["backup", "list"]).exit(3).says("there is no bucket no-such-bucket");
    // Nobody listens on port 1.
    site.settings(&bucket, "http://127.0.0.1:1", "");
    site.run(&["backup"]).exit(4).says("http://127.0.0.1:1 cannot be reached");
}

#[test]
fn f50_without_credentials_nothing_is_asked() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(1);
    let proxy = Proxy::before(bucket.port, |_| Deed::Pass);
    site.settings(&bucket, &proxy.endpoint(), "");
    // Neither the one nor the other machine has a role.
    for (variable, value) in
        [("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")]
    {
        let backup = site.without_credentials(&["backup"]).env(variable, value);
        let words = ["no credentials for s3://", "aws configure export-credentials"];
        site.unseen(backup).exit(4).says(words);
    }
    assert_eq!(proxy.seen().len(), 0);
    // Half of them is a mistake.
    site.unseen(site.without_credentials(&["backup"]).env("AWS_ACCESS_KEY_ID", "AKIA")).exit(2);
}

#[test]
fn f50_a_containers_role_is_found() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(1);
    let answer = format!(
        "{{\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"{}\",\"Token\":\"{}\",\"Expiration\":\"2099-01-01T00:00:00Z\"}}",
        site.secret(),
        site.token()
    );
    let role = Proxy::before(bucket.port, move |_| Deed::Answer("200 OK", answer.clone()));
    site.settings(&bucket, &format!("http://127.0.0.1:{}", bucket.port), "");
    let file = tempfile::NamedTempFile::new().unwrap();
    let backup = site
        .without_credentials(&["backup", "-v"])
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", role.endpoint()))
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.path());
    site.unseen(backup).exit(0);
    assert!(!role.seen().is_empty());
    assert_eq!(site.listed().len(), 1);
}

#[test]
fn f53_plain_http_to_another_machine_and_credentials_in_settings_are_refused() {
    let Some(bucket) = server::bucket() else { return };
    let site = Site::of(1);
    for (endpoint, said_of) in [
        ("http://minio.example.com:9000", "in clear"),
        ("http://10.0.0.7:9000", "in clear"),
        ("https://user:word@minio.example.com", "holds credentials"),
    ] {
        site.settings(&bucket, endpoint, "");
        site.run(&["backup", "list"]).exit(2).says([said_of, "trueup.toml:"]);
    }
}
