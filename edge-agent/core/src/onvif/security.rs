//! Who asks: the UsernameToken of WS-Security (OASIS UsernameToken Profile 1.0 §3.1; ONVIF Core §5.12).
//!
//! The password is not sent, but a digest of it with a nonce and the date. The digest is bound neither to a host nor to what
//! is asked: a device that gets one, or who listens, can use it at once at another device with the same password, for
//! anything that the user may do there, and can try passwords on it at leisure. A login is for devices that are trusted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use omma_protocol::secret::Secret;
use sha1::{Digest as _, Sha1};

use super::request::escape;

/// Who asks a device.
#[derive(Debug, Clone)]
pub struct Login {
    /// User name.
    pub user: String,
    /// Password.
    pub password: Secret<String>,
    /// What stands for the password in a configuration: `${file:…}` or its kin.
    pub placeholder: String,
}

/// The header of a question. `device_s` is the device's time, seconds since the Unix epoch: one that is more than some
/// seconds off is taken for a repetition. `nonce` is never used twice.
pub fn header(login: &Login, nonce: [u8; 16], device_s: i64) -> String {
    let created = date(device_s);
    let digest = digest(nonce, &created, login.password.expose());
    let (user, nonce) = (escape(&login.user), BASE64.encode(nonce));
    format!(
        r#"<w:Security s:mustUnderstand="1" xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" xmlns:u="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"><w:UsernameToken><w:Username>{user}</w:Username><w:Password Type="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest">{digest}</w:Password><w:Nonce EncodingType="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary">{nonce}</w:Nonce><u:Created>{created}</u:Created></w:UsernameToken></w:Security>"#
    )
}

fn digest(nonce: [u8; 16], created: &str, password: &str) -> String {
    BASE64.encode(Sha1::new().chain_update(nonce).chain_update(created).chain_update(password).finalize())
}

/// As `2010-09-16T07:50:45Z`. A date that no calendar has becomes the epoch.
fn date(unix_s: i64) -> String {
    Timestamp::from_second(unix_s).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of ONVIF's Application Programmer's Guide 1.0, §6.1.1.3.
    #[test]
    fn the_digest_is_that_of_the_guide() {
        let nonce = 0x2caa_88e8_6fc0_8a42_8242_b374_cea6_4596_u128.to_be_bytes();
        let created = date(1_284_623_445);
        assert_eq!(created, "2010-09-16T07:50:45Z");
        assert_eq!(digest(nonce, &created, "userpassword"), "tuOSpGlFlIXsozq4HFNeeGeFLEI=");
        assert_eq!(date(i64::MAX), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn the_header_holds_no_password_and_no_markup_of_the_user() {
        let login =
            Login { user: "a<b&\"".to_owned(), password: "hunter2".to_owned().into(), placeholder: String::new() };
        let header = header(&login, [7; 16], 0);
        assert!(header.contains("<w:Username>a&lt;b&amp;&quot;</w:Username>"), "{header}");
        assert!(!header.contains("hunter2") && !format!("{login:?}").contains("hunter2"));
    }
}
