//! Commands from the link to the devices, without a core: the real vendor process, over the socket
//! that a core gives it, against a real Mosquitto or a board.

mod boards;
mod cuts;
mod process;
mod proxy;
mod retained;
mod speed;
mod states;
mod turns;
