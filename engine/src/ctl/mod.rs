//! `trunkline ctl`: a person's way to a running daemon, over its HTTP API.

use std::env;
use std::fs;
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use self::client::Client;
use crate::cli::{Ask, Ctl, Form};
use crate::config;
use crate::uri::{asking, encode};

mod client;
mod ladder;
mod live;
mod log;
pub mod operate;
mod stream;
mod table;
mod terminal;
mod trace;
mod watch;

/// Why `ctl` has nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum CtlError {
    /// The URL is none that `ctl` can speak to.
    #[error("{0}: write http://HOST:PORT")]
    Url(String),
    /// No token was found.
    #[error("no token: give --token-file FILE, set TRUNKLINE_TOKEN, or name the daemon's --state-dir")]
    NoToken,
    /// The file of the token cannot be read.
    #[error("{0}")]
    TokenFile(io::Error),
    /// Nobody answers.
    #[error("no daemon answers at {0}: {1}")]
    Unreachable(String, io::Error),
    /// What answers is no daemon of ours.
    #[error("the answer is not that of a trunkline: {0}")]
    Foreign(String),
    /// The daemon refused.
    #[error("{code}: {detail}{}{sentence}", if .sentence.is_empty() { "" } else { "\n" })]
    Refused {
        /// The LINEERR_ suffix.
        code: String,
        /// What would have been allowed.
        detail: String,
        /// What is missing, and what to do about it.
        sentence: String,
    },
    /// The daemon takes no calls: not yet, or no more.
    #[error("no calls are taken: {0}")]
    NotReady(String),
    /// A file cannot be written.
    #[error("{0}: {1}")]
    File(String, io::Error),
    /// Output cannot be written.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Asks the daemon and prints its answer on standard output: a table, or with `--json` the API's own text.
///
/// # Errors
/// The daemon cannot be asked, or refuses.
pub async fn run(ctl: Ctl) -> Result<(), CtlError> {
    // Whether calls are taken is told to everybody.
    let token = if ctl.ask == Ask::Ready { String::new() } else { token(&ctl)? };
    let client = Client::new(&url(&ctl), token)?;
    let mut out = io::stdout();
    match run_to(&client, ctl.ask, ctl.json, &mut out).await {
        // `ctl watch | head` ends here, and well.
        Err(CtlError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

async fn run_to(client: &Client, ask: Ask, json: bool, out: &mut impl Write) -> Result<(), CtlError> {
    let answer = match &ask {
        Ask::Lines { line } => client.get(&path("lines", line.as_deref())).await?,
        Ask::Calls { call } => client.get(&path("calls", call.as_deref())).await?,
        Ask::Registrations => client.get("/v1/registrations").await?,
        Ask::Trunks => client.get("/v1/trunks").await?,
        Ask::Parked => client.get("/v1/parked").await?,
        Ask::Webhooks => client.get("/v1/webhooks").await?,
        Ask::Records { from, to, line, disposition, limit } => {
            let limit = limit.map(|limit| limit.to_string());
            let said =
                [("from", from), ("to", to), ("line", line), ("disposition", disposition), ("limit", &limit)];
            let said = said.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
            client.get(&asking("/v1/records", said)).await?
        }
        Ask::Reload => client.post("/v1/reload", &Value::Object(Map::new())).await?,
        Ask::CheckConfig => client.post("/v1/check-config", &Value::Object(Map::new())).await?,
        Ask::Log { follow, level, contains } => {
            let contains =
                contains.as_deref().map(|text| path("", Some(text)).replacen("/v1//", "&contains=", 1));
            let path = format!("/v1/log?level={level}&follow={follow}{}", contains.unwrap_or_default());
            return stream::follow(client, &path, json, out, log::text).await;
        }
        Ask::PhoneToken { mac, hours } => {
            let body = hours.map_or_else(|| json!({}), |hours| json!({ "hours": hours }));
            client.post(&(path("phones", Some(mac)) + "/token"), &body).await?
        }
        Ask::Operate(operate) => {
            let (path, body) = operate::request(operate);
            client.post(&path, &body).await?
        }
        Ask::SetMessages { line, new, old, urgent_new, urgent_old } => {
            let body = json!({"new": new, "old": old, "urgent_new": urgent_new, "urgent_old": urgent_old});
            client.put(&(path("lines", Some(line)) + "/messages"), &body).await?
        }
        Ask::CheckSync { line, reboot } => {
            client.post(&(path("lines", Some(line)) + "/check-sync"), &json!({"reboot": reboot})).await?
        }
        Ask::Trace { call: Some(call), pcapng: Some(file), .. } => {
            let capture = client.get_file(&(path("calls", Some(call)) + "/trace?format=pcapng")).await?;
            return trace::write(&capture, file, out);
        }
        Ask::Trace { call: Some(call), follow: false, full, form, .. } => {
            let answer = client.get(&(path("calls", Some(call)) + "/trace")).await?;
            if !json {
                return trace::print(&answer, drawn(*form, *full), out);
            }
            answer
        }
        Ask::Trace { call, line, full, form, .. } => {
            let [call, line] =
                [("call", call), ("line", line)].map(|(name, said)| Some((name, said.as_deref()?)));
            let path = asking("/v1/trace", call.into_iter().chain(line));
            return stream::follow(client, &path, json, out, drawn(*form, *full)).await;
        }
        Ask::Ready => return Ok(out.write_all(client.ready().await?.as_bytes())?),
        Ask::Watch { after, line, events } => {
            let is_table = !events && !json && after.is_none() && terminal::is_looked_at();
            return match line.as_deref() {
                line if is_table => live::live(client, line, out).await,
                line => watch::watch(client, *after, line, json, out).await,
            };
        }
    };
    if json {
        serde_json::to_writer_pretty(&mut *out, &answer).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        out.write_all(table::text(&ask, &answer).as_bytes())?;
    }
    Ok(())
}

/// How entries of a trace are written: as a ladder where a person looks, unless another form is wanted.
fn drawn(form: Option<Form>, full: bool) -> impl FnMut(&Value) -> String {
    let is_ladder = form.map_or_else(terminal::is_looked_at, |form| form == Form::Ladder);
    let mut ladder = is_ladder.then(|| ladder::Ladder::new(terminal::size().0));
    move |entry| match &mut ladder {
        Some(ladder) => ladder.add(entry, full),
        None => trace::text(entry, full),
    }
}

/// `/v1/lines`, or `/v1/lines/1001` with whatever is in the name encoded (RFC 3986 §2.1).
fn path(list: &str, one: Option<&str>) -> String {
    let mut path = format!("/v1/{list}");
    if let Some(one) = one {
        path.push('/');
        encode(one, &mut path);
    }
    path
}

fn url(ctl: &Ctl) -> String {
    let given = ctl.url.clone().or_else(|| env::var("TRUNKLINE_URL").ok());
    given.unwrap_or_else(|| "http://127.0.0.1:8080".to_owned())
}

fn token(ctl: &Ctl) -> Result<String, CtlError> {
    if let Some(token) = &ctl.token {
        return Ok(token.clone());
    }
    if let Some(file) = &ctl.token_file {
        let text = fs::read_to_string(file).map_err(CtlError::TokenFile)?;
        return Ok(text.trim().to_owned());
    }
    let kept = || config::admin_token(&config::state_dir(ctl.state_dir.as_deref()));
    env::var("TRUNKLINE_TOKEN").ok().filter(|token| !token.is_empty()).or_else(kept).ok_or(CtlError::NoToken)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_daemon_that_takes_no_calls_is_not_ready() {
        for (status, is_ready) in
            [("200 OK", true), ("503 Service Unavailable", false), ("404 Not Found", false)]
        {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client =
                Client::new(&format!("http://{}", listener.local_addr().unwrap()), String::new()).unwrap();
            let answers = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                assert!(stream.read(&mut [0; 1_024]).await.unwrap() > 0);
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\nsaid\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            };
            let mut out = Vec::new();
            let (said, ()) = tokio::join!(run_to(&client, Ask::Ready, false, &mut out), answers);
            assert_eq!(
                (said.is_ok(), &*out),
                (is_ready, if is_ready { &b"said\n"[..] } else { b"" }),
                "{status}"
            );
            assert_eq!(matches!(said, Err(CtlError::NotReady(_))), status.starts_with("503"), "{status}");
        }
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_the_path() {
        assert_eq!(path("lines", Some("1001")), "/v1/lines/1001");
        assert_eq!(path("calls", Some("../x?a b")), "/v1/calls/..%2Fx%3Fa%20b");
        assert_eq!(path("calls", None), "/v1/calls");
        assert_eq!(asking("/v1/records", []), "/v1/records");
        let said = [("line", "a&b"), ("to", "2026-11-23T06:00:00+01:00")];
        assert_eq!(
            asking("/v1/records", said),
            "/v1/records?line=a%26b&to=2026-11-23T06%3A00%3A00%2B01%3A00"
        );
    }

    #[test]
    fn only_plain_http_is_spoken() {
        assert!(Client::new("http://[::1]:8080/", "t".into()).is_ok());
        for wrong in ["https://pbx.example", "pbx.example:8080", "http://", "http://a/b", ""] {
            assert!(matches!(Client::new(wrong, "t".into()), Err(CtlError::Url(_))), "{wrong}");
        }
    }
}
