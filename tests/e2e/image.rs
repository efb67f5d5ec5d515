//! `mlctl models build-image` and `mlctl server image`: what it makes is taken apart, run and pushed by programs of others.

use crate::harness::{Place, REPOSITORY, finish, skip, until};
use crate::http::{Server, answer, http};
use crate::running::Running;
use mlctl_oci::{Base, Content, Digest, Entry, Layer, Platform, Recipe, Reference, Settings};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set to skip what needs skopeo, umoci and docker-registry.
const SKIP: &str = "MLCTL_SKIP_IMAGES";

/// Tells whether images may be looked at by other programs; says so when they may not.
fn is_wanted() -> bool {
    let skipped = std::env::var_os(SKIP).is_some_and(|value| !value.is_empty());
    if skipped {
        skip(&format!("{SKIP} is set: no image was checked by another program"));
        return false;
    }
    for name in ["skopeo", "umoci", "docker-registry"] {
        let version = Command::new(name).arg("--version").output();
        assert!(
            version.is_ok_and(|output| output.status.success()),
            "there is no {name}: `apt-get install {name}`, or set {SKIP}=1"
        );
    }
    true
}

/// A model folder of MLflow's: an elastic net for ten columns of doubles.
fn model() -> String {
    format!("{REPOSITORY}/models/tests/fixtures/elasticnet")
}

/// A copy of mlctl without what only a debugger reads, which is most of it.
fn small_mlctl(place: &Place) -> PathBuf {
    let path = place.root().join("mlctl");
    fs::copy(env!("CARGO_BIN_EXE_mlctl"), &path).unwrap();
    // Where there is no such program, images are only larger.
    let _ = Command::new("strip").arg(&path).output();
    path
}

/// Prepares mlctl's copy; the program that runs is the one that gets into the image.
fn command(place: &Place, mlctl: &Path, args: &[&str]) -> Command {
    let mut command = place.program(mlctl);
    command.args(args);
    command
}

#[track_caller]
fn built(mut command: Command) -> Value {
    let finished = finish(command.arg("--json"));
    assert_eq!(finished.code, Some(0), "{finished:?}");
    serde_json::from_str(&finished.stdout).unwrap()
}

/// Runs a program of others, which must succeed, and returns what it prints.
#[track_caller]
fn ok(place: &Place, program: &str, args: &[&str]) -> String {
    let finished = finish(place.program(Path::new(program)).args(args));
    assert_eq!(finished.code, Some(0), "{program} {args:?}: {finished:?}");
    finished.stdout
}

/// Unpacks an archive with umoci; returns the folder of the container, and how it is run.
#[track_caller]
fn unpacked(place: &Place, archive: &str) -> (PathBuf, Value) {
    let from = format!("oci-archive:{archive}");
    ok(place, "skopeo", &["--insecure-policy", "copy", &from, &format!("oci:{archive}-layout:1")]);
    let layout = format!("{archive}-layout:1");
    ok(place, "umoci", &["unpack", "--rootless", "--image", &layout, &format!("{archive}-bundle")]);
    let bundle = place.path(&format!("{archive}-bundle"));
    let config = fs::read(bundle.join("config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    (bundle.join("rootfs"), config["process"].clone())
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// Prepares what a container would run, where nothing but the container's files can be seen.
fn in_container(place: &Place, root: &Path, process: &Value) -> Command {
    let is_root = place.program(Path::new("id")).arg("-u").output().unwrap().stdout == b"0\n";
    let mut command = if is_root {
        let mut chroot = Command::new("/usr/sbin/chroot");
        let user = format!("{}:{}", process["user"]["uid"], process["user"]["gid"]);
        assert_eq!(user, "10001:10001");
        chroot.arg(format!("--userspec={user}")).arg(root);
        chroot
    } else {
        let mut unshare = Command::new("unshare");
        unshare.arg("--map-root-user").arg(format!("--root={}", root.display())).arg("--wd=/");
        unshare
    };
    command.env_clear().args(texts(&process["args"]));
    for line in texts(&process["env"]) {
        let (name, value) = line.split_once('=').unwrap();
        command.env(name, value);
    }
    command
}

/// Finds a port that nobody listens on.
fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

#[track_caller]
fn check_serves(place: &Place, root: &Path, process: &Value, port: &str) {
    let server = Server::launch(place, &mut in_container(place, root, process));
    assert_eq!(server.url, format!("http://0.0.0.0:{port}"));
    let body = fs::read_to_string(format!("{}/serving_input_example.json", model())).unwrap();
    let request = http().post(format!("http://127.0.0.1:{port}/invocations"));
    let request =
        request.header("host", "ml.example.com").header("content-type", "application/json");

    let (status, text) = answer(request.body(body));

    assert_eq!(status, 200, "{text}");
    let scores: Value = serde_json::from_str(&text).unwrap();
    let first = scores["predictions"][0]["variable"].as_f64().unwrap();
    assert!((first - 173.568_6).abs() < 1e-3, "{text}");
    server.process.signal(rustix::process::Signal::TERM);
    assert_eq!(server.process.end().code, Some(0), "it does not end when it is asked to");
}

#[test]
fn an_image_serves_its_model_where_nothing_else_is() {
    if !is_wanted() {
        return;
    }
    let (place, port) = (Place::new(), free_port());
    let mlctl = small_mlctl(&place);
    let args =
        ["models", "build-image", &model(), "-t", "team/net:1", "-o", "net.tar", "-p", &port];

    let told = built(command(&place, &mlctl, &args));

    // Every digest is right, by our own reader and by skopeo's, in both formats.
    let architecture = told["platform"].as_str().unwrap().strip_prefix("linux/").unwrap();
    let platform = Platform::linux(architecture);
    let archive = File::open(place.path("net.tar")).unwrap();
    Base::open(archive, &platform, &place.temporary()).unwrap();
    let inspected = ok(&place, "skopeo", &["inspect", "oci-archive:net.tar"]);
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!(inspected["Digest"], told["digest"]);
    assert_eq!(inspected["Created"], "1970-01-01T00:00:00Z");
    assert_eq!(inspected["Labels"]["mlctl.model.flavor"], "onnx");
    let docker = ["--insecure-policy", "copy", "docker-archive:net.tar", "dir:docker"];
    ok(&place, "skopeo", &docker);
    let tags = ok(&place, "skopeo", &["list-tags", "docker-archive:net.tar"]);
    assert!(tags.contains("team/net:1"), "{tags}");
    ok(
        &place,
        "umoci",
        &["stat", "--json", "--image", {
            let to = ["--insecure-policy", "copy", "oci-archive:net.tar", "oci:stat:1"];
            ok(&place, "skopeo", &to);
            "stat:1"
        }],
    );

    let (root, process) = unpacked(&place, "net.tar");
    assert_eq!(fs::metadata(root.join("tmp")).unwrap().permissions().mode() & 0o7777, 0o1777);
    let mlmodel = fs::read(root.join("opt/ml/model/MLmodel")).unwrap();
    assert_eq!(mlmodel, fs::read(format!("{}/MLmodel", model())).unwrap());
    check_serves(&place, &root, &process, &port);
}

/// Prepares the image's own health check.
fn health_check(place: &Place, root: &Path, process: &Value, config: &Value) -> Command {
    let test = texts(&config["config"]["Healthcheck"]["Test"]);
    assert_eq!(test[0], "CMD");
    let mut process = process.clone();
    process["args"] = json!(test[1..]);
    in_container(place, root, &process)
}

#[test]
fn a_server_image_keeps_its_data_and_is_healthy_where_nothing_else_is() {
    if !is_wanted() {
        return;
    }
    let (place, port) = (Place::new(), free_port());
    let mlctl = small_mlctl(&place);
    let build = |output: &str| {
        let args = ["server", "image", "-t", "team/tracking", "-o", output, "--port", &port];
        built(command(&place, &mlctl, &args))
    };

    let told = build("server.tar");

    assert_eq!(build("again.tar")["digest"], told["digest"], "the same inputs, the same image");
    let config = ok(&place, "skopeo", &["inspect", "--config", "--raw", "oci-archive:server.tar"]);
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["config"]["User"], "10001:10001");
    assert_eq!(config["config"]["Volumes"], json!({ "/data": {} }));
    assert_eq!(config["config"]["ExposedPorts"], json!({ format!("{port}/tcp"): {} }));
    let (root, process) = unpacked(&place, "server.tar");
    // umoci gives everything to who unpacks; a volume belongs to whom the folder in the image does.
    let data = root.join("data");
    if fs::metadata(&data).unwrap().uid() == 0 {
        chown(&data, Some(10001), Some(10001)).unwrap();
    }

    let mut before = Server::launch(&place, &mut in_container(&place, &root, &process));
    assert_eq!(before.url, format!("http://0.0.0.0:{port}"));
    before.url = format!("http://127.0.0.1:{port}");
    before.post_json("/api/2.0/mlflow/experiments/create", &json!({ "name": "kept" }));
    let healthy = finish(&mut health_check(&place, &root, &process, &config));
    assert_eq!(healthy.code, Some(0), "{healthy:?}");
    let elsewhere = http().get(format!("{}/version", before.url)).header("host", "evil.example");
    let (status, _) = answer(elsewhere);
    let api = format!("{}/api/2.0/mlflow/experiments/get-by-name?experiment_name=kept", before.url);
    let (refused, _) = answer(http().get(&api).header("host", "evil.example"));
    assert_eq!((status, refused), (200, 403), "names of others are refused, also in a container");
    before.process.signal(rustix::process::Signal::TERM);
    assert_eq!(before.process.end().code, Some(0), "it does not end when it is asked to");

    let unhealthy = finish(&mut health_check(&place, &root, &process, &config));
    assert_eq!(unhealthy.code, Some(1), "{unhealthy:?}");
    assert!(unhealthy.stderr.contains("no healthy server answers at"), "{unhealthy:?}");

    let _after = Server::launch(&place, &mut in_container(&place, &root, &process));
    let (status, text) = answer(http().get(api));
    assert_eq!(status, 200, "{text}");
}

#[test]
fn server_image_needs_a_name_and_a_place_and_takes_no_flags_of_the_server() {
    let place = Place::new();
    let missing = place.run(&["server", "image", "-t", "x"]);
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert!(missing.stderr.contains("--output <FILE>"), "{missing:?}");
    let mixed = place.run(&["server", "--workers", "1", "image", "-t", "x", "-o", "x.tar"]);
    assert_eq!(mixed.code, Some(2), "{mixed:?}");
}

/// Writes an image with a file system like Debian's, where `/lib` is a link.
fn debian_like(place: &Place, platform: &Platform) {
    let entries = vec![
        Entry::folder("usr/lib", 0o755),
        Entry::link("lib", "usr/lib"),
        Entry::link("lib64", "usr/lib"),
        Entry::file("etc/debian_version", Content::Bytes(b"13\n".to_vec())),
        Entry::folder("tmp", 0o1777),
    ];
    let layer = Layer::pack(entries, 7, &place.temporary()).unwrap();
    let recipe = Recipe {
        platform: platform.clone(),
        base: None,
        layers: vec![(layer, "a base".to_owned())],
        settings: Settings {
            entrypoint: Some(vec!["/bin/sh".to_owned()]),
            env: vec![("LANG".to_owned(), "C.UTF-8".to_owned())],
            user: Some("root".to_owned()),
            ..Settings::default()
        },
        created: jiff_second(7),
    };
    let file = File::create(place.path("base-oci.tar")).unwrap();
    let name = Reference::parse("base:1").unwrap();
    mlctl_oci::write_archive(&recipe.build().unwrap(), &name, file).unwrap();
    let from = "oci-archive:base-oci.tar";
    ok(place, "skopeo", &["--insecure-policy", "copy", from, "docker-archive:base.tar:base:1"]);
}

fn jiff_second(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(second).unwrap()
}

#[test]
fn an_image_upon_another_leaves_it_as_it_was() {
    if !is_wanted() {
        return;
    }
    let (place, port) = (Place::new(), free_port());
    let mlctl = small_mlctl(&place);
    let needs = mlctl_oci::program::needs(&mlctl, &mlctl_oci::program::Search::system(Vec::new()));
    let architecture = needs.unwrap().machine.architecture().unwrap();
    debian_like(&place, &Platform::linux(architecture));
    let args =
        ["models", "build-image", &model(), "-t", "net", "-o", "net.tar", "--base", "base.tar"];
    let mut build = command(&place, &mlctl, &args);
    build.args(["--port", &port]).env("SOURCE_DATE_EPOCH", "1700000000");

    let told = built(build);

    assert_eq!(told["layers"].as_array().unwrap().len(), 3);
    let inspected = ok(&place, "skopeo", &["inspect", "oci-archive:net.tar"]);
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!(inspected["Created"], "2023-11-14T22:13:20Z");
    let (root, process) = unpacked(&place, "net.tar");
    assert_eq!(fs::read_link(root.join("lib64")).unwrap(), Path::new("usr/lib"));
    assert_eq!(fs::read_to_string(root.join("etc/debian_version")).unwrap(), "13\n");
    assert!(!root.join("etc/passwd").exists());
    let env = texts(&process["env"]);
    assert!(env.contains(&"LANG=C.UTF-8".to_owned()), "{env:?}");
    assert!(!env.iter().any(|line| line.starts_with("LD_LIBRARY_PATH")), "{env:?}");
    check_serves(&place, &root, &process, &port);
}

/// Starts Debian's registry, for a user `ann` with the password `U*U`.
fn registry(place: &Place) -> (Running, String) {
    // A test vector of bcrypt's, since nothing here makes such hashes.
    let hash = "ann:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n";
    place.write("registry/users", hash);
    let (users, storage) = (place.text("registry/users"), place.text("registry/storage"));
    let config = json!({
        "version": "0.1",
        "log": { "accesslog": { "disabled": false } },
        "storage": { "filesystem": { "rootdirectory": storage } },
        "auth": { "htpasswd": { "realm": "tests", "path": users } },
        "http": { "addr": "127.0.0.1:0", "secret": "s" },
    });
    place.write("registry/config.yml", &config.to_string());
    let mut serve = place.program(Path::new("docker-registry"));
    serve.args(["serve", &place.text("registry/config.yml")]);
    let running = Running::start(place, &mut serve);
    let port = |said: &str| {
        let (_, rest) = said.split_once("listening on 127.0.0.1:")?;
        Some(rest.chars().take_while(char::is_ascii_digit).collect::<String>())
    };
    until("the registry listens", || port(&running.said()).is_some());
    let host = format!("127.0.0.1:{}", port(&running.said()).unwrap());
    (running, host)
}

#[test]
fn an_image_is_pushed_once_and_comes_back_as_it_was() {
    if !is_wanted() {
        return;
    }
    let place = Place::new();
    let mlctl = small_mlctl(&place);
    let (registry, host) = registry(&place);
    let name = format!("{host}/team/net:1");
    let build = |output: &str, password: &str| {
        fs::create_dir_all(place.path(output).parent().unwrap()).unwrap();
        let args = ["models", "build-image", &model(), "-o", output, "--push", &name];
        let mut build = command(&place, &mlctl, &args);
        build.env("MLCTL_REGISTRY_USERNAME", "ann").env("MLCTL_REGISTRY_PASSWORD", password);
        build
    };

    let first = built(build("one.tar", "U*U"));
    let requests = registry.said().lines().count();
    let second = built(build("elsewhere/two.tar", "U*U"));

    let sent = |told: &Value| {
        let pushed = &told["pushed"];
        (pushed["sent_blobs"].as_u64().unwrap(), pushed["present_blobs"].as_u64().unwrap())
    };
    assert_eq!((sent(&first), sent(&second)), ((3, 0), (0, 3)));
    let later: Vec<String> = registry.said().lines().skip(requests).map(str::to_owned).collect();
    let is_write = |line: &&String| line.contains("http.request.method=P");
    assert!(later.iter().any(|line| line.contains("http.request.method=HEAD")), "{later:?}");
    assert_eq!(later.iter().find(is_write), None, "something was sent again");

    // The same inputs are the same image, to the byte.
    assert_eq!(first["digest"], second["digest"]);
    let bytes = |path| Digest::of(&fs::read(place.path(path)).unwrap());
    assert_eq!(bytes("one.tar"), bytes("elsewhere/two.tar"));

    let url = format!("http://{host}/v2/team/net/manifests/1");
    let accept = "application/vnd.oci.image.manifest.v1+json";
    let request = http().get(url).basic_auth("ann", Some("U*U")).header("accept", accept);
    let (status, manifest) = answer(request);
    assert_eq!((status, json!(Digest::of(manifest.as_bytes()))), (200, first["digest"].clone()));
    let from = format!("docker://{name}");
    let creds = "--src-creds=ann:U*U";
    ok(
        &place,
        "skopeo",
        &["--insecure-policy", "copy", "--src-tls-verify=false", creds, &from, "oci:back:1"],
    );
    let index = fs::read(place.path("back/index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    assert_eq!(index["manifests"][0]["digest"], first["digest"]);

    let refused = finish(&mut build("three.tar", "wrong"));
    assert_eq!(refused.code, Some(1));
    let want = format!("error: the registry `{host}` does not allow pushing to `team/net`: ");
    assert!(refused.stderr.starts_with(&want), "{}", refused.stderr);
}

#[test]
fn what_cannot_become_an_image_is_told_before_anything_is_packed() {
    let place = Place::new();
    let model = model();
    fn build<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&["models", "build-image"], more].concat()
    }
    place.check_failure(
        &build(&[&model, "-t", "Net", "-o", "x.tar"]),
        1,
        "error: invalid image name `Net`: it must be lowercase letters and digits, separated by \
         `.`, `_`, `-` or `/`",
    );
    place.check_failure(
        &build(&["nowhere", "-t", "net", "-o", "x.tar"]),
        1,
        "error: cannot load the model `nowhere`: `/W/nowhere` is not a model folder: it has no \
         file MLmodel",
    );
    let python = "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    \
                  python_version: 3.12.4\n";
    place.write("py/MLmodel", python);
    place.check_failure(
        &build(&["py", "-t", "net", "-o", "x.tar"]),
        1,
        "error: mlctl cannot run the model `py` without Python: mlctl supports no flavor of this \
         model: it has `python_function`; supported are `onnx`, `xgboost`, `lightgbm` and \
         `sklearn`\n\
         hint: `mlctl models build-docker -m py` prints a Dockerfile with Python",
    );
    place.write("base.tar", "no tar at all");
    place.check_failure(
        &build(&[&model, "-t", "net", "-o", "x.tar", "--base", "base.tar"]),
        1,
        "error: cannot use `base.tar`: cannot use the base image: it is not a tar archive: \
         failed to read entire block",
    );
    place.check_failure(
        &build(&[&model, "--push", "r.example/net:1", "--username", "ann"]),
        2,
        "error: there is no password for `ann`\nhint: set MLCTL_REGISTRY_PASSWORD",
    );
    place.check_failure(
        &build(&[&model, "--push", "net:1"]),
        2,
        "error: `net:1` has no registry to push to\n\
         hint: write the registry before the name: docker.io/you/net:1",
    );
    let left: Vec<_> =
        fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

/// Replaces what depends on the processor.
fn portable(dockerfile: &str) -> String {
    let start = dockerfile.find("/opt/mlctl/lib/ld").unwrap();
    let end = start + dockerfile[start..].find('"').unwrap();
    dockerfile.replace(&dockerfile[start..end], "/opt/mlctl/lib/LOADER")
}

#[test]
fn a_dockerfile_is_printed_for_those_who_have_docker() {
    let place = Place::new();

    let native = place.ok(&["models", "build-docker", "-m", &model(), "-n", "net"]);

    assert_eq!(
        portable(&native),
        "# Serves an MLflow model with mlctl. In the folder that `mlctl models build-docker -d DIR` \
         writes:\n\
         #   docker build -t net . && docker run -p 5001:8080 net\n\
         FROM scratch\n\n\
         COPY model /opt/ml/model\n\
         COPY mlctl /opt/mlctl\n\n\
         ENV HOME=/tmp MLFLOW_SERVER_ALLOWED_HOSTS=*\n\
         USER 10001:10001\n\
         EXPOSE 8080\n\
         ENTRYPOINT [\"/opt/mlctl/lib/LOADER\",\"--library-path\",\"/opt/mlctl/lib\",\
         \"/opt/mlctl/bin/mlctl\",\"models\",\"serve\",\"/opt/ml/model\",\"--host\",\"0.0.0.0\",\
         \"--port\",\"8080\"]\n"
    );
}

#[test]
fn a_model_of_python_gets_python_in_its_dockerfile() {
    let place = Place::new();
    let python = "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    \
                  python_version: 3.12.4\nmlflow_version: 3.17.2\n";
    place.write("py/MLmodel", python);
    place.check_failure(
        &["models", "build-docker", "-m", "py"],
        1,
        "error: the model `py` does not list the packages that it needs\n\
         hint: it has no requirements.txt; save the model again with a newer MLflow",
    );
    place.write("py/requirements.txt", "mlflow==3.17.2\n");

    let text = place.ok(&["models", "build-docker", "-m", "py", "--install-mlflow"]);

    assert!(text.contains("\nFROM python:3.12.4-slim\n"), "{text}");
    let install =
        "\nRUN pip install --no-cache-dir -r /opt/ml/model/requirements.txt mlflow==3.17.2\n";
    assert!(text.contains(install), "{text}");
    assert!(text.ends_with("\"8080\",\"--python\",\"--env-manager\",\"local\"]\n"), "{text}");

    // What a model says of itself does not get further than it may.
    let evil = python.replace("3.12.4", "\"3\\nRUN evil\"");
    place.write("py/MLmodel", &evil);
    let text = place.ok(&["models", "build-docker", "-m", "py"]);
    assert!(text.contains("\nFROM python:3-slim\n") && !text.contains("evil"), "{text}");
}

#[test]
fn the_folder_for_docker_holds_all_that_is_copied() {
    let place = Place::new();

    place.ok(&["models", "build-docker", "-m", &model(), "-d", "context"]);

    let text = fs::read_to_string(place.path("context/Dockerfile")).unwrap();
    for line in text.lines().filter_map(|line| line.strip_prefix("COPY ")) {
        let (from, _) = line.split_once(' ').unwrap();
        assert!(place.path("context").join(from).is_dir(), "{from}");
    }
    let start = text.find("/opt/mlctl/lib/ld").unwrap();
    let loader = &text[start + 5..start + text[start..].find('"').unwrap()];
    let mut run = place.program(&place.path("context").join(loader));
    run.args(["--library-path", "context/mlctl/lib", "context/mlctl/bin/mlctl", "--version"]);
    assert_eq!(finish(&mut run).code, Some(0));
    place.check_failure(
        &["models", "build-docker", "-m", &model(), "-d", "context"],
        1,
        "error: `context` already exists and is not an empty folder\n\
         hint: pass a new folder with --output-directory",
    );
}
