//! What a person types into a phone.

use std::fmt::Write;
use std::path::Path;

use super::Config;
use super::built_in::PHONES_FILE;
use super::state_dir::ADMIN_TOKEN_FILE;

/// The phones of the built-in default as a table, with the API's token, at the first start; where to find them at
/// every other; nothing with a configuration file, whose passwords are its owner's.
pub fn phone_table(config: &Config, state_dir: &Path) -> String {
    let mut text = String::new();
    if config.file.is_some() {
        return text;
    }
    if config.first_start {
        write_table(config, &mut text).expect("a String takes everything");
    }
    let (phones, token) = (state_dir.join(PHONES_FILE), state_dir.join(ADMIN_TOKEN_FILE));
    let kept = format!("Passwords are kept in {}, the API token in {}.", phones.display(), token.display());
    text + &kept + "\n"
}

fn write_table(config: &Config, text: &mut String) -> std::fmt::Result {
    let port = config.sip.listen.first().map_or(5060, |(_, address)| address.port());
    let server = match (config.own_address(), port) {
        (address, 5060) => address.to_string(),
        (address, port) => format!("{address}:{port}"),
    };
    let width = server.len().max("server".len());
    writeln!(text, "No configuration file: the built-in default. Type one row into each phone:\n")?;
    writeln!(text, "  {:width$}   user   password", "server")?;
    for line in &config.lines {
        let password = line.password.as_ref().map_or("", |password| &password.0);
        writeln!(text, "  {server:width$}   {:<6} {password}", line.address)?;
    }
    if let (Some(app), Some(listen)) = (config.apps.first(), config.api.listen) {
        writeln!(text, "\nConsole: http://{listen}/, API: http://{listen}/v1/lines. The token for both:\n")?;
        writeln!(text, "  {}\n", app.token.0)?;
    }
    Ok(())
}
