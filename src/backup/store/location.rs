//! Where an object store is, and the credentials for it: plain values, which exist also in a binary without object
//! stores.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::error::Failure;

/// A bucket, and how to reach it.
#[derive(Clone)]
pub struct StoreLocation {
    /// The protocol of the store.
    pub provider: Provider,
    /// The bucket, or the container.
    pub bucket: String,
    /// The beginning of the names of all objects, without slashes around it; may be empty.
    pub prefix: String,
    /// The address of a store that is not the provider's own.
    pub endpoint: Option<String>,
    /// The region of the bucket.
    pub region: Option<String>,
    /// The timeout of one request.
    pub timeout: Duration,
    /// The environment variables of the provider's credential chain.
    pub variables: BTreeMap<String, String>,
}

/// The protocol of an object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Amazon S3 and compatible stores.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl Provider {
    /// The scheme of the store's URLs.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "az",
        }
    }

    /// The cargo feature that adds the protocol.
    fn feature(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gcs",
            Self::Azure => "azure",
        }
    }

    /// The failure of a binary that was built without the protocol.
    pub(super) fn missing(self) -> Failure {
        let (scheme, feature) = (self.scheme(), self.feature());
        Failure::usage(format!("[backup] store: this trueup was built without {scheme}:// (feature {feature:?})"))
            .next(format!(
                "keep backups elsewhere ([backup] store), or build trueup with it: cargo build --release --features {feature}"
            ))
    }
}

impl StoreLocation {
    /// Parses a URL such as `s3://bucket/prefix`. The other fields get their defaults.
    ///
    /// # Errors
    /// Exit 2: the scheme is unknown, or the bucket is missing.
    pub fn parse(url: &str) -> Result<Self, Failure> {
        let wrong = || Failure::usage(format!("[backup] store = {url:?}: expected s3://BUCKET/PREFIX"));
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let known = [Provider::S3, Provider::Gcs, Provider::Azure];
        let provider = known.into_iter().find(|known| known.scheme() == scheme).ok_or_else(wrong)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            provider,
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
            endpoint: None,
            region: None,
            timeout: Duration::from_secs(120),
            variables: BTreeMap::new(),
        })
    }
}

/// Displays the URL.
impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.provider.scheme(), self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

/// Shows the names of the variables without their values, which may be secrets.
impl fmt::Debug for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreLocation")
            .field("url", &self.to_string())
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("variables", &self.variables.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_bucket_and_prefix() {
        for (url, bucket, prefix, shown) in [
            ("s3://b", "b", "", "s3://b"),
            ("s3://b/", "b", "", "s3://b"),
            ("s3://b/db/backups/", "b", "db/backups", "s3://b/db/backups"),
            ("gs://b/x", "b", "x", "gs://b/x"),
        ] {
            let location = StoreLocation::parse(url).unwrap();
            assert_eq!((location.bucket.as_str(), location.prefix.as_str()), (bucket, prefix), "{url}");
            assert_eq!(location.to_string(), shown);
        }
        for url in ["s3://", "s3:///x", "ftp://b", "b"] {
            assert!(StoreLocation::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn f53_a_place_prints_no_secret() {
        let mut location = StoreLocation::parse("s3://b/x").unwrap();
        location.variables.insert("AWS_SECRET_ACCESS_KEY".to_owned(), "canary".to_owned());
        let shown = format!("{location:?} {location}");
        assert!(!shown.contains("canary") && shown.contains("AWS_SECRET_ACCESS_KEY"), "{shown}");
    }
}
