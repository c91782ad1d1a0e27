//! Where an object store is, and who may enter it: plain values, which the binary has also without any object store.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::error::Failure;

/// A bucket, and the way to it.
#[derive(Clone)]
pub struct Place {
    /// Whose protocol it speaks.
    pub provider: Provider,
    /// The bucket, or container.
    pub bucket: String,
    /// What the names of all objects begin with, without slashes around it; may be empty.
    pub prefix: String,
    /// The address of a store that is not the provider's own.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// How long one request may take.
    pub timeout: Duration,
    /// The variables of the provider's credential chain.
    pub variables: BTreeMap<String, String>,
}

/// A protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Amazon S3 and what is compatible with it.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl Provider {
    /// The scheme of its URLs.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "az",
        }
    }

    /// The cargo feature that brings it.
    fn feature(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gcs",
            Self::Azure => "azure",
        }
    }

    /// What to say where the binary does not have it.
    pub(super) fn missing(self) -> Failure {
        let (scheme, feature) = (self.scheme(), self.feature());
        Failure::usage(format!("[backup] store: this trueup was built without {scheme}:// (feature {feature:?})"))
            .next(format!(
                "keep backups elsewhere ([backup] store), or build trueup with it: cargo build --release --features {feature}"
            ))
    }
}

impl Place {
    /// The place that a URL such as `s3://bucket/prefix` names; nothing else is known of it yet.
    ///
    /// # Errors
    /// Exit 2: no such scheme, no bucket.
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

/// As its URL has it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.provider.scheme(), self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

/// Names of variables without their values: those may be secrets.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
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
            let place = Place::parse(url).unwrap();
            assert_eq!((place.bucket.as_str(), place.prefix.as_str()), (bucket, prefix), "{url}");
            assert_eq!(place.to_string(), shown);
        }
        for url in ["s3://", "s3:///x", "ftp://b", "b"] {
            assert!(Place::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn f53_a_place_prints_no_secret() {
        let mut place = Place::parse("s3://b/x").unwrap();
        place.variables.insert("AWS_SECRET_ACCESS_KEY".to_owned(), "canary".to_owned());
        let shown = format!("{place:?} {place}");
        assert!(!shown.contains("canary") && shown.contains("AWS_SECRET_ACCESS_KEY"), "{shown}");
    }
}
