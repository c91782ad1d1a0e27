//! What a server's TLS is: its certificates, until when they are valid, for which names, and whether this machine trusts who
//! signed them. A connection of its own finds that out, logs in nowhere, and accepts any certificate: nothing is sent over it.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::Target;

/// The request for TLS (manual, "Message Formats": SSLRequest).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// What a server answers to the request for TLS.
#[derive(Debug)]
pub enum TlsAnswer {
    /// It offers none.
    None,
    /// It is no PostgreSQL server.
    NotPostgres,
    /// It offers TLS.
    Offered(ServerTls),
}

/// The TLS of a server.
#[derive(Debug)]
pub struct ServerTls {
    /// `TLSv1.3`
    pub protocol: String,
    /// The server's certificate, then those that it sends beside it.
    pub chain: Vec<ServerCertificate>,
    /// Why this machine does not trust the chain; `None` where it does. That it has expired is no such reason.
    pub untrusted: Option<String>,
    /// Whether the certificate is for the host that was asked for.
    pub fits_host: bool,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCertificate {
    /// Whose it is: `CN=db.example.com`.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The hosts that it is for.
    pub names: Vec<String>,
    /// From when on it is valid.
    pub not_before: SystemTime,
    /// Until when.
    pub not_after: SystemTime,
}

impl Target {
    /// Asks the server for TLS, and looks at it.
    ///
    /// # Errors
    /// The connection's; `sslrootcert` cannot be read; the server and this machine have no TLS in common.
    pub async fn look_at_tls(&self, limit: Duration) -> io::Result<TlsAnswer> {
        let connecting = tokio::net::TcpStream::connect((self.host(), self.port()));
        let stream = tokio::time::timeout(limit, connecting).await.map_err(|_| ErrorKind::TimedOut)??;
        let stream = stream.into_std()?;
        let (host, roots) = (self.host().to_owned(), self.root_certificate.clone());
        let look = move || {
            stream.set_nonblocking(false)?;
            stream.set_read_timeout(Some(limit))?;
            stream.set_write_timeout(Some(limit))?;
            ask(stream, &host, roots.as_deref())
        };
        tokio::task::spawn_blocking(look).await.map_err(io::Error::other)?
    }
}

fn ask(mut stream: TcpStream, host: &str, roots: Option<&std::path::Path>) -> io::Result<TlsAnswer> {
    stream.write_all(&SSL_REQUEST)?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    match answer {
        [b'S'] => {}
        [b'N'] => return Ok(TlsAnswer::None),
        _ => return Ok(TlsAnswer::NotPostgres),
    }
    let provider = Arc::new(ring::default_provider());
    let seen = Arc::new(Seen { chain: Mutex::default(), provider: Arc::clone(&provider) });
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::<Seen>::clone(&seen))
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(Arc::new(config), name.clone()).map_err(io::Error::other)?;
    let shaken = connection.complete_io(&mut stream);
    let chain = std::mem::take(&mut *seen.chain.lock().unwrap_or_else(PoisonError::into_inner));
    // A server that wants a certificate of ours may end the handshake when it has shown its own.
    if chain.is_empty() {
        shaken?;
    }
    let protocol = connection.protocol_version().and_then(|version| version.as_str());
    let (untrusted, fits_host) = judge(&chain, &name, &roots_of(roots)?, &provider);
    Ok(TlsAnswer::Offered(ServerTls {
        protocol: protocol.unwrap_or("TLS").replace('_', "."),
        chain: chain.iter().map(read).collect(),
        untrusted,
        fits_host,
    }))
}

/// The roots that the URL names, else those of the system.
fn roots_of(file: Option<&std::path::Path>) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match file {
        None => {
            // What cannot be read among them is not trusted.
            let _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Some(file) => {
            for certificate in CertificateDer::pem_file_iter(file).map_err(io::Error::other)? {
                roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
            }
        }
    }
    Ok(roots)
}

/// Why the chain is not trusted, and whether the certificate is for this host.
fn judge(
    chain: &[CertificateDer<'static>],
    host: &ServerName<'_>,
    roots: &RootCertStore,
    provider: &CryptoProvider,
) -> (Option<String>, bool) {
    let Some((own, others)) = chain.split_first() else {
        return (Some("the server sends no certificate".to_owned()), false);
    };
    let parsed = match ParsedCertificate::try_from(own) {
        Ok(parsed) => parsed,
        Err(error) => return (Some(error.to_string()), false),
    };
    let algorithms = provider.signature_verification_algorithms.all;
    let signed =
        verify_server_cert_signed_by_trust_anchor(&parsed, roots, others, UnixTime::now(), algorithms);
    let untrusted = match signed {
        Ok(()) => None,
        Err(rustls::Error::InvalidCertificate(why)) => match why {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => None,
            CertificateError::UnknownIssuer => Some("signed by nobody whom this machine trusts".to_owned()),
            why => Some(why.to_string()),
        },
        Err(error) => Some(error.to_string()),
    };
    (untrusted, verify_server_name(&parsed, host).is_ok())
}

/// What a certificate says. What cannot be read of it is empty: `judge` is told by rustls.
fn read(der: &CertificateDer<'_>) -> ServerCertificate {
    let Ok(certificate) = Certificate::from_der(der) else {
        return ServerCertificate {
            subject: "(unreadable)".to_owned(),
            issuer: "(unreadable)".to_owned(),
            names: Vec::new(),
            not_before: SystemTime::UNIX_EPOCH,
            not_after: SystemTime::UNIX_EPOCH,
        };
    };
    let certificate = certificate.tbs_certificate();
    let moment = |time: x509_cert::time::Time| SystemTime::UNIX_EPOCH + time.to_unix_duration();
    let names = certificate.get_extension::<SubjectAltName>().ok().flatten();
    let names = names.map(|(_, SubjectAltName(names))| names).unwrap_or_default();
    let name = |name: GeneralName| match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
        GeneralName::IpAddress(address) => match address.as_bytes() {
            bytes if bytes.len() == 4 => {
                Some(<[u8; 4]>::try_from(bytes).map(std::net::Ipv4Addr::from).ok()?.to_string())
            }
            bytes => Some(<[u8; 16]>::try_from(bytes).map(std::net::Ipv6Addr::from).ok()?.to_string()),
        },
        _ => None,
    };
    ServerCertificate {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        names: names.into_iter().filter_map(name).collect(),
        not_before: moment(certificate.validity().not_before),
        not_after: moment(certificate.validity().not_after),
    }
}

/// Takes any certificate, and keeps what was shown. The signature of the handshake is checked: the server has the key.
#[derive(Debug)]
struct Seen {
    chain: Mutex<Vec<CertificateDer<'static>>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let mut chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        *chain =
            std::iter::once(end_entity).chain(intermediates).map(|one| one.clone().into_owned()).collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
