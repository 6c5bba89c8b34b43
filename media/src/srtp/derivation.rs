//! Session keys from a master key (RFC 3711 §4.3, RFC 7714 §11).

use aes::cipher::{InnerIvInit, KeyInit, StreamCipher};
use aes::{Aes128, Aes256};
use ctr::{Ctr128BE, CtrCore};

use super::key::SrtpKey;

/// What a session key is for (RFC 3711 §4.3.1, §4.3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// The first `N` bytes of the session key with this label. The key derivation rate is always 0.
pub(super) fn derive<const N: usize>(master: &SrtpKey, label: Label) -> [u8; N] {
    let mut iv = [0; 16];
    iv[..master.salt().len()].copy_from_slice(master.salt());
    iv[7] ^= label as u8;
    let mut derived = [0; N];
    match master.key().try_into() {
        Ok(key) => {
            let cipher = Aes128::new(&<[u8; 16]>::into(key));
            Ctr128BE::from_core(CtrCore::inner_iv_init(cipher, &iv.into())).apply_keystream(&mut derived);
        }
        Err(_) => {
            let cipher = Aes256::new_from_slice(master.key()).expect("a master key has 16 or 32 bytes");
            Ctr128BE::from_core(CtrCore::inner_iv_init(cipher, &iv.into())).apply_keystream(&mut derived);
        }
    }
    derived
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srtp::SrtpSuite;
    use crate::srtp::transform::tests::hex;

    #[test]
    fn session_keys_are_those_of_rfc_3711_b_3() {
        let master = hex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
        let master = SrtpKey::new(SrtpSuite::Aes128CmSha1_80, &master).unwrap();
        assert_eq!(derive::<16>(&master, Label::RtpEncryption)[..], hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(derive::<14>(&master, Label::RtpSalt)[..], hex("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(
            derive::<20>(&master, Label::RtpAuthentication)[..],
            hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
        );
    }
}
