//! Probes and lifecycle hooks: a command in the container, a request, a connection.

use std::process::Stdio;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, ExecAction, HTTPGetAction, LifecycleHandler, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Context;
use super::spec::RunDir;
use super::status::POD_IP;

/// The number of a port that may be named.
fn port(container: &Container, port: &IntOrString) -> Result<u16, String> {
    let number = match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => name.parse().ok().or_else(|| {
            let ports = container.ports.iter().flatten();
            ports.filter(|port| port.name.as_deref() == Some(name)).map(|port| port.container_port).next()
        }),
    };
    number.and_then(|number| u16::try_from(number).ok()).ok_or_else(|| format!("no such port: {port:?}"))
}

async fn get(container: &Container, action: &HTTPGetAction) -> Result<(), String> {
    let host = action.host.as_deref().filter(|host| !host.is_empty()).unwrap_or(POD_IP);
    let port = port(container, &action.port)?;
    if action.scheme.as_deref() == Some("HTTPS") {
        // Upstream does not check certificates here; that something answers in TLS is not asked.
        return connect(host, port).await;
    }
    let path = action.path.as_deref().filter(|path| path.starts_with('/')).unwrap_or("/");
    let mut request = format!("GET {path} HTTP/1.1\r\nUser-Agent: kube-probe/1.32\r\nAccept: */*\r\nConnection: close\r\n");
    let headers: Vec<_> = action.http_headers.iter().flatten().filter(|header| !header.value.contains(['\r', '\n'])).collect();
    if !headers.iter().any(|header| header.name.eq_ignore_ascii_case("host")) {
        request.push_str(&format!("Host: {host}:{port}\r\n"));
    }
    headers.iter().for_each(|header| request.push_str(&format!("{}: {}\r\n", header.name, header.value)));
    request.push_str("\r\n");
    let failed = |error: std::io::Error| format!("Get \"http://{host}:{port}{path}\": {error}");
    let mut stream = TcpStream::connect((host, port)).await.map_err(failed)?;
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut answer = [0; 64];
    let mut length = 0_usize;
    while length < answer.len() {
        let Some(room) = answer.get_mut(length..) else { break };
        match stream.read(room).await.map_err(failed)? {
            0 => break,
            more => length = length.saturating_add(more),
        }
    }
    let line = String::from_utf8_lossy(answer.get(..length).unwrap_or_default()).into_owned();
    let code: u16 = line.split(' ').nth(1).and_then(|code| code.get(..3)?.parse().ok()).unwrap_or(0);
    if (200..400).contains(&code) { Ok(()) } else { Err(format!("HTTP probe failed with statuscode: {code}")) }
}

async fn connect(host: &str, port: u16) -> Result<(), String> {
    TcpStream::connect((host, port)).await.map(drop).map_err(|error| format!("dial tcp {host}:{port}: {error}"))
}

/// Runs a command in a container's namespaces.
async fn exec(ctx: &Context, dir: &RunDir, action: &ExecAction) -> Result<(), String> {
    let words = action.command.clone().unwrap_or_default();
    let mut command = tokio::process::Command::new(&ctx.program);
    command.args(&ctx.shim_args).arg("exec").arg(&dir.0).args(&words);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().chars().take(1024).collect::<String>();
    Err(if said.is_empty() { format!("command {words:?} ended with {}", output.status) } else { said })
}

/// Asks a probe once.
///
/// # Errors
/// Its failure, in words.
pub(crate) async fn probe(ctx: &Context, dir: &RunDir, container: &Container, probe: &Probe) -> Result<(), String> {
    let limit = Duration::from_secs(u64::try_from(probe.timeout_seconds.unwrap_or(1)).unwrap_or(1).max(1));
    let asked = async {
        if let Some(action) = &probe.exec {
            exec(ctx, dir, action).await
        } else if let Some(action) = &probe.http_get {
            get(container, action).await
        } else if let Some(action) = &probe.tcp_socket {
            connect(action.host.as_deref().filter(|host| !host.is_empty()).unwrap_or(POD_IP), port(container, &action.port)?).await
        } else if let Some(action) = &probe.grpc {
            connect(POD_IP, u16::try_from(action.port).unwrap_or_default()).await
        } else {
            Err("missing probe handler".to_owned())
        }
    };
    tokio::time::timeout(limit, asked).await.unwrap_or_else(|_| Err(format!("timed out after {limit:?}")))
}

/// Runs a lifecycle hook.
///
/// # Errors
/// Its failure, in words.
pub(crate) async fn hook(ctx: &Context, dir: &RunDir, container: &Container, handler: &LifecycleHandler) -> Result<(), String> {
    if let Some(action) = &handler.exec {
        exec(ctx, dir, action).await
    } else if let Some(action) = &handler.http_get {
        get(container, action).await
    } else if let Some(action) = &handler.sleep {
        tokio::time::sleep(Duration::from_secs(u64::try_from(action.seconds).unwrap_or_default())).await;
        Ok(())
    } else if let Some(action) = &handler.tcp_socket {
        connect(action.host.as_deref().unwrap_or(POD_IP), port(container, &action.port)?).await
    } else {
        Ok(())
    }
}
