use std::path::Path;

use rustls::ClientConnection;
use rustls::server::ServerConnection;

use super::testing::Authority;
use super::*;
use crate::Config;

/// The errors of this text, without the name of the file.
fn errors(authority: &Authority, text: &str) -> Vec<String> {
    let file = authority.directory().join("t.toml");
    let errors = Config::parse(&file, text).err().unwrap_or_default();
    let place = format!("{}:", file.display());
    errors.iter().map(|error| error.to_string().replace(&place, "")).collect()
}

/// What the server shows who asks for this name: the file whose certificate it is.
fn shown(tls: &Tls, client: &Tls, name: &str) -> Result<CertificateDer<'static>, rustls::Error> {
    let peer = client.peers.values().next().expect("a peer");
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut client = ClientConnection::new(Arc::clone(&peer.client), name)?;
    let mut server = ServerConnection::new(Arc::clone(tls.server.as_ref().expect("a server")))?;
    let mut wire = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        while client.wants_write() {
            client.write_tls(&mut wire).expect("memory");
        }
        server.read_tls(&mut &wire[..]).expect("memory");
        wire.clear();
        server.process_new_packets()?;
        while server.wants_write() {
            server.write_tls(&mut wire).expect("memory");
        }
        client.read_tls(&mut &wire[..]).expect("memory");
        wire.clear();
        client.process_new_packets()?;
    }
    let certificates = client.peer_certificates().expect("the handshake is over");
    Ok(certificates[0].clone().into_owned())
}

#[test]
fn the_certificate_shown_is_the_one_of_the_name_else_the_first() {
    let authority = Authority::new();
    let [one, two] =
        ["one.example", "two.example"].map(|name| authority.sign(name.split('.').next().unwrap(), &[name]));
    let text = "[sip]\nlisten = [\"tls:127.0.0.1:0\"]\n[sip.tls]\ncertificate = [\"one.pem\", \"two.pem\"]\n\
                key = [\"one.key\", \"two.key\"]\n";
    let server = authority.config(text).tls;
    let client = authority.client("one.example", 5061);
    assert_eq!(shown(&server, &client, "one.example").as_ref(), Ok(one.der()));
    assert_eq!(shown(&server, &client, "two.example").as_ref(), Ok(two.der()));
    let wrong = shown(&server, &client, "three.example");
    assert!(
        matches!(wrong, Err(rustls::Error::InvalidCertificate(_))),
        "the first, which is refused: {wrong:?}"
    );
}

#[test]
fn who_comes_is_asked_for_a_certificate_if_that_is_wanted() {
    let authority = Authority::new();
    let stranger = Authority::new();
    authority.sign("pbx", &["pbx.example"]);
    for signer in [&authority, &stranger] {
        signer.sign("trunk", &["pbx.example"]);
    }
    let server = |asks: &str| {
        let own = "[sip.tls]\ncertificate = \"pbx.pem\"\nkey = \"pbx.key\"\n";
        authority.config(&format!("{own}{asks}")).tls
    };
    let client = |ca: &str, own: &str| {
        let peer = "[[trunk]]\nname = \"carrier\"\npeer = \"tls:localhost\"\n";
        authority.config(&format!("[sip.tls]\ntrusted_ca = \"{ca}\"\n{peer}{own}")).tls
    };
    let nobody = client("ca.pem", "");
    let signed = client("ca.pem", "tls_certificate = \"trunk.pem\"\ntls_key = \"trunk.key\"\n");
    let file = |name: &str| stranger.directory().join(name).display().to_string();
    let own = format!("tls_certificate = \"{}\"\ntls_key = \"{}\"\n", file("trunk.pem"), file("trunk.key"));
    let foreign = client("ca.pem", &own);
    let accept = server("client_ca = \"ca.pem\"\n");
    let require = server("client_ca = \"ca.pem\"\nclient_certificates = \"require\"\n");
    let off = server("client_ca = \"ca.pem\"\nclient_certificates = \"off\"\n");
    for (server, client, is_taken) in [
        (&off, &nobody, true),
        (&off, &foreign, true),
        (&accept, &nobody, true),
        (&accept, &signed, true),
        (&accept, &foreign, false),
        (&require, &nobody, false),
        (&require, &signed, true),
        (&require, &foreign, false),
    ] {
        assert_eq!(shown(server, client, "pbx.example").is_ok(), is_taken);
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let authority = Authority::new();
    authority.sign("one", &["one.example"]);
    authority.sign("two", &["two.example"]);
    std::fs::write(authority.directory().join("empty.pem"), "").unwrap();
    for (text, expected) in [
        (
            "[sip]\nlisten = [\"tls:0.0.0.0:5061\"]\n",
            "2: sip.listen: tls has no certificate to show; write [sip.tls] with certificate = \"FILE\" and key = \"FILE\"",
        ),
        (
            "[sip.tls]\ncertificate = \"none.pem\"\nkey = \"one.key\"\n",
            "2: sip.tls.certificate: none.pem cannot be read: No such file or directory (os error 2); name a PEM file: \
             the engine's own certificate first, then those that sign it",
        ),
        (
            "[sip.tls]\ncertificate = \"empty.pem\"\nkey = \"one.key\"\n",
            "2: sip.tls.certificate: empty.pem holds no certificate; name a PEM file: the engine's own certificate \
             first, then those that sign it",
        ),
        (
            "[sip.tls]\ncertificate = \"one.pem\"\nkey = \"one.pem\"\n",
            "3: sip.tls.key: one.pem holds no key; name the PEM file of the certificate's key, which the daemon may read",
        ),
        (
            "[sip.tls]\ncertificate = \"one.pem\"\nkey = \"two.key\"\n",
            "3: sip.tls.key: two.key does not fit one.pem: keys may not be consistent: KeyMismatch; name the PEM file of \
             the certificate's key, which the daemon may read",
        ),
        (
            "[sip.tls]\ncertificate = [\"one.pem\", \"two.pem\"]\nkey = \"one.key\"\n",
            "3: sip.tls.key: names 1 files for 2 certificates; write one for each certificate, in the same order",
        ),
        (
            "[sip.tls]\nclient_certificates = \"perhaps\"\nclient_ca = \"ca.pem\"\n",
            "2: sip.tls.client_certificates: \"perhaps\" asks for nothing; write \"off\", \"accept\" or \"require\"",
        ),
        (
            "[sip.tls]\nclient_certificates = \"require\"\n",
            "1: sip.tls.client_ca: is missing; client_certificates asks for what it signs",
        ),
        (
            "[sip.tls]\ntrusted_ca = \"empty.pem\"\n",
            "2: sip.tls.trusted_ca: empty.pem holds no certificate; name a PEM file of the authorities' own certificates",
        ),
        (
            "[sip.tls]\ntrusted_ca = \"ca.pem\"\n[[trunk]]\nname = \"a\"\npeer = \"tls:192.0.2.1\"\n",
            "5: trunk.peer: 192.0.2.1 is an address: no certificate proves one; write the name that the peer's \
             certificate has",
        ),
        (
            "[[trunk]]\nname = \"a\"\npeer = \"udp:192.0.2.1\"\ntls_certificate = \"one.pem\"\ntls_key = \"one.key\"\n",
            "4: trunk.tls_certificate: is shown to nobody; write peer = \"tls:HOST:5061\", or leave it out",
        ),
        (
            "[sip.tls]\ntrusted_ca = \"ca.pem\"\n[[trunk]]\nname = \"a\"\npeer = \"tls:localhost\"\n\
             tls_certificate = \"one.pem\"\n",
            "3: trunk.tls_key: is missing; tls_certificate stands without it",
        ),
        (
            "[sip.tls]\nclient_ca = \"ca.pem\"\nclient_certificates = \"off\"\n[[trunk]]\nname = \"a\"\npeer = \"udp:192.0.2.1\"\n\
             certificate = \"sip.a.example\"\n",
            "7: trunk.certificate: nobody is asked for a certificate; write [sip.tls] client_ca = \"FILE\", the \
             authorities that sign for whom calls are taken from",
        ),
        (
            "[sip.tls]\nclient_ca = \"ca.pem\"\n[[trunk]]\nname = \"a\"\npeer = \"udp:192.0.2.1\"\n\
             certificate = \"*.a.example\"\n",
            "6: trunk.certificate: \"*.a.example\" is no name of a certificate; write a name of its subjectAltName, as in \
             \"sip.carrier.example\"",
        ),
        (
            "[sip.tls]\nclient_ca = \"ca.pem\"\n[[trunk]]\nname = \"a\"\npeer = \"udp:192.0.2.1\"\n\
             certificate = \"192.0.2.1\"\n",
            "6: trunk.certificate: \"192.0.2.1\" is no name of a certificate; write a name of its subjectAltName, as in \
             \"sip.carrier.example\"",
        ),
        (
            "[sip.tls]\nclient_ca = \"ca.pem\"\n[[trunk]]\nname = \"a\"\npeer = \"udp:192.0.2.1\"\n\
             certificate = \"sip.a.example\"\n[[trunk]]\nname = \"b\"\npeer = \"udp:192.0.2.2\"\n\
             certificate = [\"sip.b.example\", \"SIP.A.example.\"]\n",
            "10: trunk.certificate: SIP.A.example. is named twice; name each trunk by a certificate of its own",
        ),
    ] {
        assert_eq!(errors(&authority, text), [expected], "{text}");
    }
}

#[test]
fn a_trunk_may_have_so_many_certificates() {
    let authority = Authority::new();
    let text = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("\"{number}.example\"")).collect();
        let trunk = "[sip.tls]\nclient_ca = \"ca.pem\"\n[[trunk]]\nname = \"a\"\npeer = \"udp:192.0.2.1\"\n";
        format!("{trunk}certificate = [{}]\n", names.join(", "))
    };
    assert_eq!(authority.config(&text(16)).trunks[0].certificate.len(), 16);
    assert_eq!(errors(&authority, &text(17)), ["6: trunk.certificate: has 17 names; write 16 at most"]);
}

#[test]
fn one_address_is_expected_under_one_name_and_shown_one_certificate() {
    let authority = Authority::new();
    authority.sign("own", &["pbx.example"]);
    let trunk = |name: &str, peer: &str, more: &str| {
        format!("[[trunk]]\nname = \"{name}\"\npeer = \"tls:{peer}\"\n{more}")
    };
    let text = |other: &str, more: &str| {
        let one = trunk("a", "localhost:5061", "");
        format!("[sip.tls]\ntrusted_ca = \"ca.pem\"\n{one}{}", trunk("b", other, more))
    };
    let own = "tls_certificate = \"own.pem\"\ntls_key = \"own.key\"\n";
    let doubtful = |other: &str, more: &str| {
        let file = authority.directory().join("t.toml");
        let mut config = Config::parse(&file, &text(other, more)).expect("it is well-formed");
        let doubtful = config.locate(testing::at_home);
        (doubtful, config.trunks.into_iter().map(|trunk| trunk.peers.len()).collect::<Vec<_>>())
    };
    assert_eq!(doubtful("localhost", ""), (vec![], vec![1, 1]), "5061 is the port of TLS");
    assert_eq!(doubtful("localhost:5062", own), (vec![], vec![1, 1]));
    let here = "127.0.0.1:5061".parse().unwrap();
    assert_eq!(doubtful("localhost", own), (vec![here], vec![1, 0]), "another certificate");
    assert_eq!(doubtful("other.example", ""), (vec![here], vec![1, 0]), "another name");
}

#[test]
fn certificates_that_end_are_told() {
    const DAY: Duration = Duration::from_secs(86_400);
    let authority = Authority::new();
    authority.sign_with("pbx", &["pbx.example"], |params| {
        params.not_after = rcgen::date_time_ymd(2031, 3, 1);
    });
    let tls = authority.server("pbx");
    let end = tls.chains[0].not_after;
    let told = |now| tls.endings(now).pop().map(|ending| (ending.text, ending.is_over));
    assert_eq!(told(end - 15 * DAY), None);
    assert_eq!(told(end - 9 * DAY), Some(("the certificate pbx.pem expires in 9 days".to_owned(), false)));
    assert_eq!(told(end + DAY), Some(("the certificate pbx.pem has expired".to_owned(), true)));
}

/// Nothing that is read of files is in what is printed.
#[test]
fn keys_are_not_shown() {
    let authority = Authority::new();
    authority.sign("pbx", &["pbx.example"]);
    let tls = authority.server("pbx");
    let shown = format!("{tls:?}");
    assert!(shown.starts_with("Tls { chains: [Chain { file: \"pbx.pem\""), "{shown}");
    assert!(!shown.contains("key"), "{shown}");
}

#[test]
fn without_files_nothing_is_read() {
    let text = "[sip.tls]\ncertificate = \"/etc/hostname\"\nkey = \"/etc/hostname\"\n";
    let errors = Config::parse_alone(Path::new("t.toml"), text).unwrap_err();
    assert!(errors[0].to_string().contains("cannot be read"), "{errors:?}");
}
