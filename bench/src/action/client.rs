//! A client that costs little: fixed requests on kept-alive connections.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::server::{BODY, PATH};

#[expect(clippy::disallowed_methods, reason = "a client is not part of the app")]
/// Sends so many requests on each of so many connections and checks every answer.
pub(super) async fn ask(port: u16, connections: u32, requests: u32) -> Result<(), String> {
    let mut asking = JoinSet::new();
    for _ in 0..connections {
        asking.spawn(connection(port, requests));
    }
    while let Some(asked) = asking.join_next().await {
        asked.map_err(|why| why.to_string())??;
    }
    Ok(())
}

async fn connection(port: u16, requests: u32) -> Result<(), String> {
    let failed = |why: std::io::Error| format!("the connection failed: {why}");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
    let stream = stream.as_mut().map_err(|why| why.to_string())?;
    stream.set_nodelay(true).map_err(failed)?;
    let request = format!(
        "POST {PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let mut answer = Vec::with_capacity(4096);
    for _ in 0..requests {
        stream.write_all(request.as_bytes()).await.map_err(failed)?;
        answer.clear();
        while !complete(&answer)? {
            if stream.read_buf(&mut answer).await.map_err(failed)? == 0 {
                return Err("the server closed the connection".to_owned());
            }
        }
    }
    Ok(())
}

/// Whether the whole answer is there.
fn complete(answer: &[u8]) -> Result<bool, String> {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return Ok(false);
    };
    if !head.starts_with("HTTP/1.1 200") {
        return Err(format!("a wrong answer: {text}"));
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let known = name.eq_ignore_ascii_case("content-length");
        known.then(|| value.trim().parse::<usize>().ok())?
    });
    Ok(body.len() >= length.ok_or_else(|| format!("no length: {head}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_complete_or_wrong() {
        assert_eq!(
            complete(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{"),
            Ok(false)
        );
        assert_eq!(
            complete(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
            Ok(true)
        );
        assert_eq!(complete(b"HTTP/1.1 2"), Ok(false));
        assert!(complete(b"HTTP/1.1 404 Not Found\r\n\r\n").is_err());
    }
}
