//! The catalogue in a real browser, opened from its folder: no message in the console, nothing
//! wider than the screen of a phone or a desk, links that lead somewhere, names for what has no
//! text, contrast in light and dark, a search that finds.
//!
//! Chromium's headless shell comes with `make tools`; without it the test fails and says so. It is
//! driven over its debugging pipe: no port, no driver beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod site_support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use site_support::workspace;

/// How long an answer of the browser may take, on a machine that has much to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// What each page is asked: everything that a look would find wrong.
const QUESTION: &str = include_str!("site_browser/question.js");

struct Browser {
    child: Child,
    commands: ChildStdin,
    answers: mpsc::Receiver<Value>,
    session: Option<String>,
    number: u64,
    /// What the console and the network told: nothing may.
    complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    fn start() -> Self {
        let program = ["chromium-headless-shell", "chromium"].into_iter().find(|name| {
            std::env::split_paths(&std::env::var_os("PATH").unwrap())
                .any(|p| p.join(name).is_file())
        });
        let Some(program) = program else {
            panic!("no chromium-headless-shell and no chromium; make tools installs the first");
        };
        let profile = tempfile::tempdir().unwrap();
        // The pipe is expected at the descriptors 3 and 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null", "sh", program])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"])
            .args(["--no-first-run", "--disable-background-networking", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let (tell, answers) = mpsc::sync_channel(10_000);
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while said.read_until(0, &mut message).is_ok_and(|read| read > 0) {
                message.pop();
                if tell.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let mut browser = Self {
            child,
            commands,
            answers,
            session: None,
            number: 0,
            complaints: Vec::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", &attach);
        browser.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    fn send(&mut self, method: &str, parameters: &Value) -> u64 {
        self.number += 1;
        let mut message = json!({"id": self.number, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        write!(self.commands, "{message}\0").unwrap();
        self.number
    }

    fn next(&mut self) -> Value {
        let message = self.answers.recv_timeout(PATIENCE).expect("the browser answers");
        let about = &message["params"];
        match message["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" | "Log.entryAdded" | "Runtime.consoleAPICalled" => {
                self.complaints.push(about.to_string());
            }
            "Network.requestWillBeSent" => {
                let url = about["request"]["url"].as_str().unwrap();
                if !url.starts_with("file:") && !url.starts_with("data:") && url != "about:blank" {
                    self.complaints.push(format!("it asks for {url}"));
                }
            }
            "Network.loadingFailed" => self.complaints.push(about.to_string()),
            _ => {}
        }
        message
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        let number = self.send(method, parameters);
        loop {
            let message = self.next();
            if message["id"] == number {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    fn screen(&mut self, width: u32, height: u32, is_phone: bool, scheme: &str) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone,
        });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", &features);
    }

    fn open(&mut self, url: &str) {
        let number = self.send("Page.navigate", &json!({"url": url}));
        let mut is_answered = false;
        let mut is_loaded = false;
        while !is_answered || !is_loaded {
            let message = self.next();
            is_loaded |= message["method"] == "Page.loadEventFired";
            if message["id"] == number {
                assert!(message["result"].get("errorText").is_none(), "{url}: {message}");
                is_answered = true;
            }
        }
    }

    fn ask(&mut self, script: &str) -> Value {
        let parameters = json!({"expression": script, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", &parameters);
        assert!(answer.get("exceptionDetails").is_none(), "{answer}");
        answer["result"]["value"].clone()
    }

    fn press(&mut self, key: &str, text: Option<&str>) {
        let mut down = json!({"type": "keyDown", "key": key, "code": key});
        if let Some(text) = text {
            down["text"] = json!(text);
        }
        if key == "Tab" {
            down["windowsVirtualKeyCode"] = json!(9);
        }
        self.call("Input.dispatchKeyEvent", &down);
        self.call("Input.dispatchKeyEvent", &json!({"type": "keyUp", "key": key, "code": key}));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The catalogue of this workspace, in a folder whose name has a blank.
fn catalogue(folder: &Path) -> String {
    let out = folder.join("the catalogue");
    let said = site_support::run(&workspace(), &["docs", "--out", out.to_str().unwrap()], &[]);
    assert_eq!(said.code, 0, "{said:?}");
    format!("file://{}", out.to_str().unwrap().replace(' ', "%20"))
}

#[test]
fn every_page_reads_well_on_a_phone_and_at_a_desk_in_light_and_dark() {
    let folder = tempfile::tempdir().unwrap();
    let root = catalogue(folder.path());
    let mut browser = Browser::start();
    let mut pages = vec![format!("{root}/index.html")];
    let mut anchors = Vec::new();
    let mut known = std::collections::BTreeMap::new();
    let mut seen = 0;
    while let Some(url) = pages.get(seen).cloned() {
        for (width, height, is_phone, scheme) in
            [(390, 844, true, "dark"), (1280, 900, false, "light")]
        {
            browser.screen(width, height, is_phone, scheme);
            browser.open(&url);
            let found = browser.ask(QUESTION);
            let complaints = found["complaints"].as_array().unwrap();
            assert!(complaints.is_empty(), "{url} at {width}, {scheme}: {complaints:#?}");
            let links = found["links"].as_array().unwrap().iter().map(|l| l.as_str().unwrap());
            for link in links {
                let (page, anchor) = link.split_once('#').unwrap_or((link, ""));
                assert!(page.starts_with(&root), "{url} leads out of its folder: {link}");
                if !pages.iter().any(|known| known == page) {
                    pages.push(page.to_owned());
                }
                if !anchor.is_empty() {
                    anchors.push((url.clone(), page.to_owned(), anchor.to_owned()));
                }
            }
            let ids = found["ids"].as_array().unwrap().iter();
            let ids: Vec<String> = ids.map(|id| id.as_str().unwrap().to_owned()).collect();
            known.insert(url.clone(), ids);
        }
        assert!(browser.complaints.is_empty(), "{url}: {:#?}", browser.complaints);
        seen += 1;
    }
    assert!(seen > 60, "only {seen} pages");
    for (from, page, anchor) in anchors {
        assert!(known[&page].contains(&anchor), "{from}: no {anchor} in {page}");
    }
    let written = walk(&folder.path().join("the catalogue"));
    assert_eq!(written, seen, "pages that no link leads to");
}

fn walk(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                usize::from(path.extension().is_some_and(|e| e == "html"))
            }
        })
        .sum()
}

#[test]
fn the_search_finds_types_by_name_field_and_word_from_every_page_by_keyboard_alone() {
    let folder = tempfile::tempdir().unwrap();
    let root = catalogue(folder.path());
    let mut browser = Browser::start();
    browser.screen(390, 844, true, "light");
    let shown = "Array.from(document.querySelectorAll('[data-index]')).filter(e => e.offsetParent)\
                 .map(e => e.querySelector('.name').textContent)";

    browser.open(&format!("{root}/index.html"));
    let all = browser.ask(shown).as_array().unwrap().len();
    browser.press("/", Some("/"));
    assert_eq!(
        browser.ask("document.activeElement.id + document.activeElement.value"),
        "page:search"
    );
    for letter in "jammed".chars() {
        browser.press(&letter.to_string(), Some(&letter.to_string()));
    }
    let found = browser.ask(shown);
    let found: Vec<&str> = found.as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    assert!(found.contains(&"entry.lock_changed") && found.len() < all / 2, "{found:?}");
    let told = browser.ask("document.getElementById('page:found').textContent");
    assert_eq!(told, format!("{} found", found.len()));

    browser.ask(
        "document.getElementById('page:search').value = 'no such thing'; \
                 document.getElementById('page:search').dispatchEvent(new Event('input'))",
    );
    assert_eq!(browser.ask(shown), json!([]));
    let told = browser.ask("document.getElementById('page:found').textContent");
    assert!(told.as_str().unwrap().starts_with("Nothing found"), "{told}");

    // From another page the same field leads to the first one, with what was typed.
    browser.open(&format!("{root}/types/access.granted.html"));
    browser.ask(
        "document.getElementById('page:search').value = 'GRANT consumed'; \
                 document.getElementById('page:search').focus()",
    );
    browser.send(
        "Runtime.evaluate",
        &json!({"expression": "document.querySelector('form').requestSubmit()"}),
    );
    while browser.next()["method"] != "Page.loadEventFired" {}
    let found = browser.ask(shown);
    let found = found.as_array().unwrap();
    assert!(found.contains(&json!("grant.consumed")) && found.len() < 12, "{found:?}");

    // The first stop of the keyboard skips the navigation.
    browser.open(&format!("{root}/index.html"));
    browser.press("Tab", None);
    assert_eq!(browser.ask("document.activeElement.className"), "skip");
    assert_eq!(browser.complaints, Vec::<String>::new());
}

/// What the tests above look for is found where it is planted.
#[test]
fn a_page_with_faults_is_complained_of() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("bad.html");
    std::fs::write(
        &page,
        "<!DOCTYPE html><html><head><title>x</title></head><body style='background:#fff'>\
         <div style='width:900px'>wide</div><p style='color:#aaa'>pale</p><img src='none.png'>\
         <a href='#'></a><input><h1>a</h1><h3>skipped</h3><i id=a></i><i id=a></i>\
         <script>console.error('oh'); missing();</script></body></html>",
    )
    .unwrap();
    let mut browser = Browser::start();
    browser.screen(390, 844, false, "light");
    browser.open(&format!("file://{}", page.display()));
    let complaints = browser.ask(QUESTION)["complaints"].to_string();
    for fault in [
        "wider than the screen",
        "contrast",
        "no language",
        "no main",
        "link without a name",
        "field without a label",
        "heading h3 after h1",
        "id a twice",
        "no text for the picture",
    ] {
        assert!(complaints.contains(fault), "{fault}: {complaints}");
    }
    let heard = browser.complaints.join("\n");
    for fault in ["oh", "missing is not defined", "ERR_FILE_NOT_FOUND"] {
        assert!(heard.contains(fault), "{fault}: {heard}");
    }
}
