//! `trunkline demo`: the engine and two phones in one process over real sockets; prints the ladder as it happens.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::stage::Stage;
use super::{OnInvite, Phone, PhoneOutbox, Status};
use crate::driver::clock;
use crate::serve::{complain, say};

/// Each act must end within this time.
const ACT: Duration = Duration::from_secs(5);

/// How long the phones talk and how long one of them holds: enough to count packets.
const TALK: Duration = Duration::from_millis(600);

/// The packets that a phone hears in [`TALK`], less what a busy machine may delay.
const PACKETS_MIN: u64 = 15;

/// Plays the demonstration. Exit code 0: all of it was seen to happen.
pub async fn run() -> ExitCode {
    let state_directory = std::env::temp_dir().join(format!("trunkline-demo-{}", std::process::id()));
    let played = play(state_directory.clone()).await;
    // The directory may not exist yet.
    drop(std::fs::remove_dir_all(&state_directory));
    match played {
        Ok(took) => {
            say(&format!("\nregistered, called, held, resumed, hung up: {:.1} s\n", took.as_secs_f32()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&format!("the demonstration failed: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

async fn play(state_directory: PathBuf) -> Result<Duration, String> {
    let begin: Instant = clock::now();
    let mut stage = Stage::set(&state_directory).await?;

    say("the phones register, each with its password\n");
    for phone in 0..2 {
        stage.act(phone, |phone, now, out| phone.register(now, out)).await;
    }
    stage
        .until(ACT, "both are registered", |stage| stage.phones().all(|phone| phone.is_registered()))
        .await?;

    say("\n1001 calls 1002, who answers\n");
    stage.script(1, |script| script.on_invite = OnInvite::Answer(Duration::from_millis(300)));
    let dial = |phone: &mut Phone, now, out: &mut PhoneOutbox| {
        phone.call(now, "1002", out);
    };
    stage.act(0, dial).await;
    let connected = |stage: &Stage| stage.phones().all(|phone| phone.status() == Status::Connected);
    stage.until(ACT, "both are connected", connected).await?;
    stage.listen();
    stage.pass(TALK).await;
    for (listener, speaker) in [(0, "1002"), (1, "1001")] {
        let heard = stage.phone(listener).heard().voice(speaker);
        say(&format!("  media   {} hears {heard} packets of {speaker}\n", ["1001", "1002"][listener]));
        if heard < PACKETS_MIN {
            return Err(format!("{speaker} was hardly heard"));
        }
    }

    say("\n1001 holds; 1002 hears silence (or music, where it is configured), and is resumed\n");
    stage.act(0, |phone, now, out| phone.hold(now, out)).await;
    stage.until(ACT, "the call is on hold", |stage| stage.told("onhold") == 1).await?;
    stage.listen();
    stage.pass(TALK).await;
    let (voice, silence) = (stage.phone(1).heard().voice("1001"), stage.phone(1).heard().silence());
    say(&format!("  media   1002 hears {voice} packets of 1001 and {silence} of silence\n"));
    if silence < PACKETS_MIN {
        return Err("the held phone hears nothing".to_owned());
    }
    stage.act(0, |phone, now, out| phone.resume(now, out)).await;
    stage.pass(TALK).await;

    say("\n1002 hangs up\n");
    stage.act(1, |phone, now, out| phone.hang_up(now, out)).await;
    let over = |stage: &Stage| stage.phones().all(|phone| matches!(phone.status(), Status::Over(_)));
    stage.until(ACT, "both are idle", over).await?;
    stage.until(ACT, "the calls are idle", |stage| stage.told("idle") == 2).await?;
    stage.strike().await?;
    Ok(clock::now().duration_since(begin))
}
