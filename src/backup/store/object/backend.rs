//! The HTTP clients of the object stores, with their credentials and timeouts. Of the environment of the process the
//! HTTP client reads the proxies alone.

use std::fmt::Debug;
use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use object_store::multipart::MultipartStore;
use object_store::{BackoffConfig, ClientOptions, HeaderValue, ObjectStore, Result, RetryConfig};

use super::super::location::{Provider, StoreLocation};
use super::errors::StoreDescription;
use crate::error::Failure;

/// The timeout of establishing a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// The requests that a store must support.
pub(super) trait Backend: ObjectStore + MultipartStore + Debug {
    /// Finds the credentials for signing requests.
    fn find_credentials(&self) -> BoxFuture<'_, Result<()>>;
}

pub(super) fn connect(
    location: &StoreLocation,
    words: &StoreDescription,
) -> std::result::Result<Arc<dyn Backend>, Failure> {
    install_ring();
    match location.provider {
        #[cfg(feature = "s3")]
        Provider::S3 => s3::connect(location, words),
        #[cfg(feature = "gcs")]
        Provider::Gcs => gcs::connect(location, words),
        #[cfg(feature = "azure")]
        Provider::Azure => azure::connect(location, words),
        #[allow(unreachable_patterns, reason = "a binary may have all of them")]
        missing => {
            let _ = words;
            Err(missing.missing())
        }
    }
}

/// The HTTP client uses the process-wide cryptography provider. The connections to PostgreSQL use ring, too.
fn install_ring() {
    static ONCE: Once = Once::new();
    // A provider that is installed already is as good.
    ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}

fn client_options(location: &StoreLocation) -> ClientOptions {
    let agent = HeaderValue::from_static(concat!("trueup/", env!("CARGO_PKG_VERSION")));
    // The settings allow plain HTTP for this machine alone.
    let plain = location.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    ClientOptions::new()
        .with_user_agent(agent)
        .with_allow_http(plain)
        .with_connect_timeout(CONNECT.min(location.timeout))
        .with_timeout(location.timeout)
}

/// A request that times out is tried once more; an error that arrives quickly, a few times.
fn retries(location: &StoreLocation) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: 4,
        retry_timeout: location.timeout.mul_f32(1.5),
    }
}

#[cfg(feature = "s3")]
mod s3 {
    use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};

    use super::*;

    impl Backend for AmazonS3 {
        fn find_credentials(&self) -> BoxFuture<'_, Result<()>> {
            async { self.credentials().get_credential().await.map(drop) }.boxed()
        }
    }

    pub(super) fn connect(
        location: &StoreLocation,
        words: &StoreDescription,
    ) -> std::result::Result<Arc<dyn Backend>, Failure> {
        let variable = |name: &str| location.variables.get(name).cloned();
        let region = location.region.clone().or(variable("AWS_REGION")).or(variable("AWS_DEFAULT_REGION"));
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&location.bucket)
            .with_client_options(client_options(location))
            .with_retry(retries(location))
            // Deleting many objects in one request is what compatible stores lack most often.
            .with_config(AmazonS3ConfigKey::DisableBulkDelete, "true");
        for (name, value) in &location.variables {
            builder = match name.as_str() {
                "AWS_REGION" | "AWS_DEFAULT_REGION" | "AWS_EC2_METADATA_DISABLED" => builder,
                "AWS_EC2_METADATA_SERVICE_ENDPOINT" => {
                    builder.with_metadata_endpoint(value.trim_end_matches('/'))
                }
                name => match name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                    Ok(key) => builder.with_config(key, value),
                    Err(_) => builder,
                },
            };
        }
        builder = match (&location.endpoint, region) {
            (Some(endpoint), region) => {
                builder.with_endpoint(endpoint).with_region(region.unwrap_or_else(|| "us-east-1".to_owned()))
            }
            // The certificate of *.s3.REGION.amazonaws.com does not cover a bucket whose name has dots.
            (None, Some(region)) => {
                builder.with_region(region).with_virtual_hosted_style_request(!location.bucket.contains('.'))
            }
            (None, None) => {
                return Err(Failure::usage(format!("the region of {location} is unknown"))
                    .next("set [backup] region in trueup.toml, or the variable AWS_REGION"));
            }
        };
        Ok(Arc::new(builder.build().map_err(|error| words.invalid_settings(&error))?))
    }
}

#[cfg(feature = "gcs")]
mod gcs {
    use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder, GoogleConfigKey};

    use super::*;

    impl Backend for GoogleCloudStorage {
        fn find_credentials(&self) -> BoxFuture<'_, Result<()>> {
            async { self.credentials().get_credential().await.map(drop) }.boxed()
        }
    }

    pub(super) fn connect(
        location: &StoreLocation,
        words: &StoreDescription,
    ) -> std::result::Result<Arc<dyn Backend>, Failure> {
        let mut builder = GoogleCloudStorageBuilder::new()
            .with_bucket_name(&location.bucket)
            .with_client_options(client_options(location))
            .with_retry(retries(location));
        for (name, value) in &location.variables {
            if let Ok(key) = name.to_ascii_lowercase().parse::<GoogleConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        if let Some(endpoint) = &location.endpoint {
            builder = builder.with_base_url(endpoint);
        }
        Ok(Arc::new(builder.build().map_err(|error| words.invalid_settings(&error))?))
    }
}

#[cfg(feature = "azure")]
mod azure {
    use object_store::azure::{AzureConfigKey, MicrosoftAzure, MicrosoftAzureBuilder};

    use super::*;

    impl Backend for MicrosoftAzure {
        fn find_credentials(&self) -> BoxFuture<'_, Result<()>> {
            async { self.credentials().get_credential().await.map(drop) }.boxed()
        }
    }

    pub(super) fn connect(
        location: &StoreLocation,
        words: &StoreDescription,
    ) -> std::result::Result<Arc<dyn Backend>, Failure> {
        let mut builder = MicrosoftAzureBuilder::new()
            .with_container_name(&location.bucket)
            .with_client_options(client_options(location))
            .with_retry(retries(location));
        for (name, value) in &location.variables {
            if let Ok(key) = name.to_ascii_lowercase().parse::<AzureConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        if let Some(endpoint) = &location.endpoint {
            builder = builder.with_endpoint(endpoint.clone());
        }
        Ok(Arc::new(builder.build().map_err(|error| words.invalid_settings(&error))?))
    }
}
