//! Who is given a file: the holder of a token, from one host, for its time.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{OFFICE, office, parse, phone};
use crate::driver::clock;
use crate::provision::{Answer, Brand, Mac, Provisioner, TokenError};

const HOUR: Duration = Duration::from_secs(3_600);

fn host(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

/// A provisioner, and a token of the phone of this brand: the path where its files are.
fn issued(now: Instant, brand: Brand) -> (Provisioner, Mac, String) {
    let config = office();
    let provisioner = Provisioner::new(&config);
    let mac = phone(&config.site().unwrap(), brand).mac;
    let url = provisioner.issue(now, mac, None, None).unwrap().url;
    let path = url.strip_prefix("http://pbx.example:8090").expect("the place that the configuration names");
    let (folder, asked) = path.rsplit_once('/').unwrap();
    assert_eq!(asked, brand.asked());
    (provisioner, mac, folder.to_owned())
}

#[test]
fn a_phone_is_given_its_file_by_its_token() {
    let now = clock::now();
    let (provisioner, mac, folder) = issued(now, Brand::Yealink);
    let ask = |path: &str| provisioner.answer(now, host(1), path, None);
    let Answer::File(file) = ask(&format!("{folder}/{}.cfg", mac.digits())) else { panic!() };
    assert!(file.text.contains("account.1.user_name = 1001"));
    // Phones write a slash too much, or a folder of their own.
    for path in [format!("{folder}//{}.cfg", mac.digits()), format!("{folder}/yealink/{}.cfg", mac.digits())]
    {
        assert!(matches!(ask(&path), Answer::File(_)), "{path}");
    }
    // What is not made for it is not there, and is no guess.
    for _ in 0..50 {
        assert_eq!(ask(&format!("{folder}/y000000000028.cfg")), Answer::NotFound);
    }
    assert!(matches!(ask(&format!("{folder}/{}.cfg", mac.digits())), Answer::File(_)));
}

#[test]
fn every_wrong_request_has_the_same_answer() {
    let now = clock::now();
    let (provisioner, mac, folder) = issued(now, Brand::Yealink);
    let token = folder.strip_prefix("/p/").unwrap();
    let wrong = "a".repeat(token.len());
    let (own, unknown) = (mac.digits(), "0015650000ff");
    let paths = [
        format!("/p/{wrong}/{own}.cfg"),
        format!("/p/{wrong}/{unknown}.cfg"),
        format!("/p/{}/{own}.cfg", &token[1..]),
        format!("/p//{own}.cfg"),
        format!("/{own}.cfg"),
        "/".to_owned(),
        format!("/p/{token}"),
        format!("/P/{token}/{own}.cfg"),
        format!("{folder}/{unknown}.cfg"),
    ];
    for (path, last) in paths.iter().zip(1..) {
        assert_eq!(provisioner.answer(now, host(last), path, None), Answer::NotFound, "{path}");
    }
}

#[test]
fn a_token_is_of_one_host_and_of_its_time() {
    let now = clock::now();
    let (provisioner, mac, folder) = issued(now, Brand::Fanvil);
    let path = format!("{folder}/{}.cfg", mac.digits());
    let ask = |now, source| matches!(provisioner.answer(now, source, &path, None), Answer::File(_));
    // A file that is not there binds nobody.
    assert_eq!(provisioner.answer(now, host(9), &format!("{folder}/x"), None), Answer::NotFound);
    assert!(ask(now, host(1)) && ask(now + HOUR, host(1)));
    assert!(!ask(now, host(2)));
    // The same host by an IPv6 socket.
    assert!(ask(now, "::ffff:192.0.2.1".parse().unwrap()));
    assert!(ask(now + 23 * HOUR, host(1)) && !ask(now + 24 * HOUR, host(1)));
    let issued = provisioner.issue(now, mac, Some(HOUR), None).unwrap();
    assert_eq!(issued.holds, HOUR);
    assert!(!ask(now, host(1)), "the token before holds no longer");
    assert!(!format!("{issued:?}").contains("/p/"));
}

#[test]
fn wrong_tokens_keep_nobody_out() {
    let now = clock::now();
    let (provisioner, mac, folder) = issued(now, Brand::Gigaset);
    let path = format!("{folder}/{}.xml", mac.digits());
    for _ in 1..200 {
        assert_eq!(provisioner.answer(now, host(1), "/p/guess/x", None), Answer::NotFound);
    }
    assert!(matches!(provisioner.answer(now, host(1), &path, None), Answer::File(_)), "a colleague's phone");
    let second = Duration::from_secs(1);
    assert_eq!(provisioner.answer(now, host(1), &path, None), Answer::TooMany(second), "so many a second");
    assert!(matches!(provisioner.answer(now + second, host(1), &path, None), Answer::File(_)));
}

#[test]
fn a_changed_configuration_is_served_and_a_phone_that_is_gone_is_not() {
    let now = clock::now();
    let (provisioner, mac, folder) = issued(now, Brand::Yealink);
    let path = format!("{folder}/{}.cfg", mac.digits());
    let row = format!("[[phone]]\nmac = \"{mac}\"\nbrand = \"yealink\"\nlines = [\"1002\"]\n");
    provisioner.set(&parse(&(OFFICE.to_owned() + &row)));
    let Answer::File(file) = provisioner.answer(now, host(1), &path, None) else { panic!() };
    assert!(file.text.contains("account.1.user_name = 1002") && !file.text.contains("1001"));
    provisioner.set(&parse(OFFICE));
    assert_eq!(provisioner.answer(now, host(1), &path, None), Answer::NotFound);
    assert!(matches!(provisioner.issue(now, mac, None, None), Err(TokenError::UnknownPhone)));
    provisioner.set(&parse(""));
    assert!(matches!(provisioner.issue(now, mac, None, None), Err(TokenError::Off)));
    // A token does not come back with its phone.
    provisioner.set(&parse(&(OFFICE.to_owned() + &row)));
    assert_eq!(provisioner.answer(now, host(1), &path, None), Answer::NotFound);
}

#[test]
fn who_asks_the_network_is_told_where_his_own_is() {
    let now = clock::now();
    let (provisioner, mac, folder) = issued(now, Brand::Yealink);
    let url = provisioner.offer(now, mac, host(1)).unwrap();
    let path = format!("{}{}.cfg", url.strip_prefix("http://pbx.example:8090").unwrap(), mac.digits());
    assert_eq!(provisioner.offer(now, mac, host(1)), Some(url), "asked again, told the same");
    assert_eq!(provisioner.answer(now, host(2), &path, None), Answer::NotFound);
    assert!(matches!(provisioner.answer(now, host(1), &path, None), Answer::File(_)));
    assert_eq!(provisioner.answer(now + HOUR, host(1), &path, None), Answer::NotFound);
    // The token that somebody made for it holds no longer.
    assert_eq!(
        provisioner.answer(now, host(3), &format!("{folder}/{}.cfg", mac.digits()), None),
        Answer::NotFound
    );
    assert_eq!(provisioner.offer(now, Mac::parse("0015650000ff").unwrap(), host(1)), None);
    let often = (0..1_000).filter(|_| provisioner.offer(now, mac, host(4)).is_some()).count();
    assert!(often <= 200, "{often}");
}

#[test]
fn a_token_can_be_meant_for_one_host() {
    let now = clock::now();
    let (provisioner, mac, _) = issued(now, Brand::Yealink);
    let url = provisioner.issue(now, mac, Some(HOUR), Some(host(3))).unwrap().url;
    let path = format!("{}{}.cfg", url.strip_prefix("http://pbx.example:8090").unwrap(), mac.digits());
    assert_eq!(provisioner.answer(now, host(1), &path, None), Answer::NotFound);
    assert!(matches!(provisioner.answer(now, host(3), &path, None), Answer::File(_)));
}
