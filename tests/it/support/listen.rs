//! Servers of the tests: on a free port, until the process ends.

use std::io;
use std::net::{TcpListener, TcpStream};

/// Makes a server of its address and serves each connection on a thread of its own.
pub fn listen<S: Clone + Send + 'static>(
    made: impl FnOnce(String) -> S,
    serve: impl Fn(&S, TcpStream) -> io::Result<()> + Clone + Send + 'static,
) -> S {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = made(listener.local_addr().unwrap().to_string());
    let serving = server.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (server, serve) = (serving.clone(), serve.clone());
            std::thread::spawn(move || drop(serve(&server, stream)));
        }
    });
    server
}
