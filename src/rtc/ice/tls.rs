//! TLS to a relay (RFC 8656 §3.1, RFC 8446): its certificate is checked against Mozilla's roots and those in the file
//! that `SSL_CERT_FILE` names, as by other programs; its name goes along (SNI), so that one address can serve many.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::url::Host;

/// The variable that names a file of certificates (PEM) to trust besides Mozilla's.
pub const EXTRA_ROOTS: &str = "SSL_CERT_FILE";

/// Whom we trust; read at the first use, once for a session.
#[derive(Clone, Default)]
pub struct Trust(Arc<OnceLock<Result<Arc<ClientConfig>, String>>>);

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust")
    }
}

impl Trust {
    /// What TLS connections are made with, or why none can be.
    ///
    /// Reads a file at the first call.
    pub fn config(&self) -> Result<Arc<ClientConfig>, String> {
        self.0.get_or_init(|| read(std::env::var_os(EXTRA_ROOTS))).clone()
    }
}

fn read(extra: Option<std::ffi::OsString>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = extra.filter(|file| !file.is_empty()) {
        let wrong = |e: &dyn std::fmt::Display| {
            format!("the certificates in {} ({EXTRA_ROOTS}) cannot be read: {e}", file.to_string_lossy())
        };
        for certificate in CertificateDer::pem_file_iter(&file).map_err(|e| wrong(&e))? {
            // A system's own bundle holds some that no verifier takes; the others count.
            let _ = roots.add(certificate.map_err(|e| wrong(&e))?);
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The name that the server's certificate must bear.
///
/// # Errors
/// The reason, for a name that no certificate can have.
pub fn server_name(host: &Host) -> Result<ServerName<'static>, String> {
    match host {
        Host::Ip(ip) => Ok(ServerName::IpAddress(IpAddr::into(*ip))),
        Host::Name(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            ServerName::try_from(name.to_owned()).map_err(|_| format!("no certificate can be for the name “{name}”"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_own_roots_is_read_and_a_missing_one_is_named() {
        assert!(read(None).is_ok());
        let reason = read(Some("/nowhere/roots.pem".into())).unwrap_err();
        assert!(reason.contains("/nowhere/roots.pem") && reason.contains(EXTRA_ROOTS), "{reason}");
    }

    #[test]
    fn certificates_are_for_names_and_addresses() {
        assert!(matches!(server_name(&Host::Name("turn.example.".into())), Ok(ServerName::DnsName(_))));
        assert!(matches!(server_name(&Host::Ip("2001:db8::1".parse().unwrap())), Ok(ServerName::IpAddress(_))));
        assert!(server_name(&Host::Name("a_b.example".into())).is_ok());
    }
}
