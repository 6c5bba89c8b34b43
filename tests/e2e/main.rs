//! The daemon against real peers: SIPp, baresip, linphonec, tshark and sipvicious over real sockets.
//!
//! Each test runs in network namespaces of its own ([`network::alone`]): standard ports, no neighbour disturbed, nothing
//! left on the machine whatever happens; few work at once, however many wait ([`place`]). Nothing here sleeps: a test blocks
//! on the line, event or packet it waits for, with a deadline. `tests/run.sh` builds the daemon, sees that the peers are installed, and runs these.

mod audio;
mod baresip;
mod capture;
mod carriers;
mod chromium;
mod conversation;
mod daemon;
mod devtools;
mod http;
mod linphonec;
mod network;
mod normal_load;
mod place;
mod process;
mod sipp;
mod swarm;
mod translator;
mod watching;

mod api;
mod audio_fork;
mod brands;
mod browser;
mod command_line;
mod console;
mod csta;
mod disk;
mod faults;
mod floods;
mod groups;
mod hostile;
mod intercom;
mod kernel;
mod kernel_daemon;
mod kernel_moves;
mod kills;
mod lamps;
mod lists;
mod load;
mod media;
mod messages;
mod names;
mod nat;
mod operations;
mod overload;
mod pages;
mod phones;
mod presence;
mod prometheus;
mod provisioning;
mod quality;
mod recording;
mod recovery;
mod reg;
mod registration;
mod reliable;
mod reload;
mod resume;
mod rtcp_storm;
mod sections;
mod service;
mod session_timer;
mod sipvicious;
mod soak;
mod srtp;
mod texts;
mod throttle;
mod tls;
mod trace;
mod transcoding;
mod trunks;
mod voicemail;
