//! `trunkline demo`: the engine and three phones in one process over real sockets; prints the ladder as it happens.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::stage::{Stage, USERS};
use super::{OnInvite, Phone, PhoneOutbox, Status};
use crate::driver::clock;
use crate::serve::{complain, say};

/// Each act must end within this time.
const ACT: Duration = Duration::from_secs(5);

/// How long two phones talk, or one of them holds: enough to count packets.
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
            say(&format!(
                "\nregistered, called, held, consulted, transferred, hung up: {:.1} s\n",
                took.as_secs_f32()
            ));
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
    for phone in 0..USERS.len() {
        stage.act(phone, |phone, now, out| phone.register(now, out)).await;
    }
    stage.until(ACT, "all are registered", |stage| stage.phones().all(|phone| phone.is_registered())).await?;
    for phone in [1, 2] {
        stage.script(phone, |script| script.on_invite = OnInvite::Answer(Duration::from_millis(300)));
    }

    say("\n1001 calls 1002, who answers\n");
    call(&mut stage, 0, 1).await?;
    expect_talk(&mut stage, 0, 1).await?;

    say("\n1001 holds; 1002 hears silence (or music, where it is configured), and is resumed\n");
    hold(&mut stage, 1).await?;
    stage.listen();
    stage.pass(TALK).await;
    let (voice, silence) = (stage.phone(1).heard().voice("1001"), stage.phone(1).heard().silence());
    say(&format!("  media   1002 hears {voice} packets of 1001 and {silence} of silence\n"));
    if silence < PACKETS_MIN {
        return Err("the held phone hears nothing".to_owned());
    }
    stage.act(0, |phone, now, out| phone.resume(now, out)).await;
    expect_talk(&mut stage, 0, 1).await?;

    say("\n1001 holds again and consults 1003\n");
    hold(&mut stage, 2).await?;
    call(&mut stage, 0, 2).await?;
    expect_talk(&mut stage, 0, 2).await?;

    say("\n1001 transfers: 1002 and 1003 talk on\n");
    stage.act(0, |phone, now, out| phone.transfer_to_consulted(now, out)).await;
    stage.until(ACT, "1001 is free", |stage| stage.phone(0).calls_up() == 0).await?;
    stage.until(ACT, "the calls of 1001 are idle", |stage| stage.told("idle") == 2).await?;
    expect_talk(&mut stage, 1, 2).await?;

    say("\n1003 hangs up\n");
    stage.act(2, |phone, now, out| phone.hang_up(now, out)).await;
    let over = |stage: &Stage| stage.phones().all(|phone| matches!(phone.status(), Status::Over(_)));
    stage.until(ACT, "all phones are free", over).await?;
    stage.until(ACT, "the calls are idle", |stage| stage.told("idle") == 4).await?;
    stage.strike().await?;
    Ok(clock::now().duration_since(begin))
}

/// One phone calls another, which answers.
async fn call(stage: &mut Stage, from: usize, to: usize) -> Result<(), String> {
    let dial = |phone: &mut Phone, now, out: &mut PhoneOutbox| {
        phone.call(now, USERS[to], out);
    };
    stage.act(from, dial).await;
    let connected =
        |stage: &Stage| [from, to].iter().all(|phone| stage.phone(*phone).status() == Status::Connected);
    stage.until(ACT, "both are connected", connected).await
}

/// 1001 holds, as was seen this many times when it is done.
async fn hold(stage: &mut Stage, times: usize) -> Result<(), String> {
    stage.act(0, |phone, now, out| phone.hold(now, out)).await;
    stage.until(ACT, "the call is on hold", |stage| stage.told("onhold") == times).await
}

/// Two phones hear each other.
async fn expect_talk(stage: &mut Stage, one: usize, other: usize) -> Result<(), String> {
    stage.listen();
    stage.pass(TALK).await;
    for (listener, speaker) in [(one, other), (other, one)] {
        let heard = stage.phone(listener).heard().voice(USERS[speaker]);
        say(&format!("  media   {} hears {heard} packets of {}\n", USERS[listener], USERS[speaker]));
        if heard < PACKETS_MIN {
            return Err(format!("{} was hardly heard by {}", USERS[speaker], USERS[listener]));
        }
    }
    Ok(())
}
