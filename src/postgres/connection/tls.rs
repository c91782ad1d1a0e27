//! What a server's TLS is: its certificates, until when they are valid, for which names, and whether this machine trusts who
//! signed them. A connection of its own finds that out, logs in nowhere, and accepts any certificate: nothing is sent over it.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
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
use crate::error::{ErrorCode, Failure};

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
    /// Why this machine does not trust the chain; `None` where it does. That the server's own certificate has expired is no such
    /// reason.
    pub untrusted: Option<Distrust>,
    /// Whether the certificate is for the host that was asked for.
    pub fits_host: bool,
}

/// Why a chain of certificates is not trusted.
#[derive(Debug, PartialEq, Eq)]
pub enum Distrust {
    /// A certificate above the server's own is not valid now; which one, where the server sends it.
    Outdated(Option<ServerCertificate>),
    /// Another reason, as a clause.
    Other(String),
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

impl ServerCertificate {
    /// Whether it is valid at a moment.
    pub fn is_valid_at(&self, moment: SystemTime) -> bool {
        (self.not_before..=self.not_after).contains(&moment)
    }
}

impl Target {
    /// Asks the server for TLS, and looks at it.
    ///
    /// # Errors
    /// The connection's; the server and this machine have no TLS in common. Before there is a connection: `sslrootcert`
    /// cannot be read.
    pub async fn look_at_tls(&self, limit: Duration) -> Result<TlsAnswer, Failure> {
        self.check_certificates()?;
        let roots = self.root_certificate.clone();
        let reading = tokio::task::spawn_blocking(move || roots_of(roots.as_deref()));
        let roots = reading.await.map_err(io::Error::other).and_then(|roots| roots).map_err(|error| {
            let file = self.root_certificate.as_deref().unwrap_or(Path::new(""));
            Failure::usage(format!("sslrootcert: {} cannot be read: {error}", file.display()))
                .code(ErrorCode::CONNECTION_TLS)
                .next("name a file of PEM certificates: sslrootcert=FILE")
        })?;
        self.ask_for_tls(limit, roots).await.map_err(|error| {
            Failure::cannot_tell(format!("{}: TLS: {error}", self.place()))
                .code(ErrorCode::CONNECTION_TLS)
                .next("the server's log says why; `openssl s_client -starttls postgres -connect HOST:PORT` shows more")
        })
    }

    async fn ask_for_tls(&self, limit: Duration, roots: RootCertStore) -> io::Result<TlsAnswer> {
        let connecting = tokio::net::TcpStream::connect((self.host(), self.port()));
        let stream = tokio::time::timeout(limit, connecting).await.map_err(|_| ErrorKind::TimedOut)??;
        let stream = stream.into_std()?;
        let host = self.host().to_owned();
        let look = move || {
            stream.set_nonblocking(false)?;
            stream.set_read_timeout(Some(limit))?;
            stream.set_write_timeout(Some(limit))?;
            ask(stream, &host, &roots)
        };
        tokio::task::spawn_blocking(look).await.map_err(io::Error::other)?
    }
}

fn ask(mut stream: TcpStream, host: &str, roots: &RootCertStore) -> io::Result<TlsAnswer> {
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
    let (untrusted, fits_host) = judge(&chain, &name, roots, &provider);
    Ok(TlsAnswer::Offered(ServerTls {
        protocol: protocol.unwrap_or("TLS").replace('_', "."),
        chain: chain.iter().map(read).collect(),
        untrusted,
        fits_host,
    }))
}

/// The roots that the URL names, else those of the system.
fn roots_of(file: Option<&Path>) -> io::Result<RootCertStore> {
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
            if roots.is_empty() {
                return Err(io::Error::other("it has no certificate"));
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
) -> (Option<Distrust>, bool) {
    let other = |why: String| Some(Distrust::Other(why));
    let Some((own, others)) = chain.split_first() else {
        return (other("the server sends no certificate".to_owned()), false);
    };
    let parsed = match ParsedCertificate::try_from(own) {
        Ok(parsed) => parsed,
        Err(error) => return (other(error.to_string()), false),
    };
    let ServerCertificate { not_before, not_after, .. } = read(own);
    // An expired certificate is judged at its end: what it was signed by does not depend on that.
    let moment = SystemTime::now().min(not_after).max(not_before);
    let since_1970 = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let algorithms = provider.signature_verification_algorithms.all;
    let signed = verify_server_cert_signed_by_trust_anchor(
        &parsed,
        roots,
        others,
        UnixTime::since_unix_epoch(since_1970),
        algorithms,
    );
    let untrusted = match signed {
        Ok(()) => None,
        Err(rustls::Error::InvalidCertificate(why)) => match why {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => {
                let sent = others.iter().map(read).find(|sent| !sent.is_valid_at(moment));
                Some(Distrust::Outdated(sent))
            }
            CertificateError::UnknownIssuer => other("signed by nobody whom this machine trusts".to_owned()),
            why => other(why.to_string()),
        },
        Err(error) => other(error.to_string()),
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
