//! What an administrator of etcd does, and undoes.

use std::time::{Duration, Instant};

use etcd_client::{AlarmAction, AlarmOptions, AlarmType, Client, DeleteOptions, Permission, PermissionType};

use crate::etcd::{EtcdCluster, block_on};
use crate::node::poll_async;

/// Of the user root, once authentication is enabled.
pub const ROOT_PASSWORD: &str = "root";
/// Who that is to [`EtcdCluster::connect`].
pub const ROOT: Option<(&str, &str)> = Some(("root", ROOT_PASSWORD));

/// What an administrator may have to wait for.
const CALM: Duration = Duration::from_secs(15);

impl EtcdCluster {
    /// Waits until a member that is neither killed nor paused takes a write: elections
    /// are etcd's own time. How long that took.
    pub fn wait_serving(&self, by: Option<(&str, &str)>) -> Duration {
        let began = Instant::now();
        block_on(async {
            let mut client = self.connect(by).await;
            let mut put = async || {
                let put = client.put("serving", "", None);
                matches!(tokio::time::timeout(Duration::from_millis(200), put).await, Ok(Ok(_)))
            };
            while !put().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        began.elapsed()
    }

    /// Ends all sessions; how many there were.
    pub fn revoke_sessions(&self) -> usize {
        block_on(async {
            let mut client = self.connect(None).await;
            let sessions = client.leases().await.expect("sessions");
            for session in sessions.leases() {
                client.lease_revoke(session.id()).await.expect("a session");
            }
            sessions.leases().len()
        })
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        block_on(async {
            let mut client = self.connect(None).await;
            client.leases().await.expect("sessions").leases().len()
        })
    }

    /// Writes until the quota is exceeded.
    pub fn fill(&self) {
        block_on(async {
            let mut client = self.connect(None).await;
            for number in 0..100 {
                if let Err(error) = client.put(format!("fill/{number}"), vec![0; 256 << 10], None).await {
                    assert!(error.to_string().contains("database space exceeded"), "{error}");
                    return;
                }
            }
            panic!("no quota");
        });
    }

    /// As an operator does it: old revisions away, smaller files, alarms off.
    pub fn make_room(&self) {
        block_on(async {
            let mut members = Vec::new();
            for endpoint in self.endpoints() {
                let mut member = Client::connect([endpoint], None).await.expect("a member");
                // Answered when it has done all that came before, be it late.
                let options = DeleteOptions::new().with_prefix();
                member.delete("fill/", Some(options)).await.expect("deletes are served");
                members.push(member);
            }
            let revision = members[0].get("none", None).await.expect("reads are served");
            let revision = revision.header().expect("a header").revision();
            members[0].compact(revision, None).await.expect("compacted");
            for member in &mut members {
                // Each deletes old revisions in its own time, and one with too much of
                // them raises the alarm again.
                poll_async("the member is smaller", CALM, async || {
                    member.defragment().await.expect("defragmented");
                    member.status().await.expect("its status").db_size() < self.quota() as i64 / 2
                })
                .await;
            }
            for member in &mut members {
                poll_async("no alarm any more", CALM, async || has_room(member).await).await;
            }
        });
    }

    /// A user `node` with this password that may use leases and nothing else; and from
    /// now on nobody without a user.
    pub fn enable_leases_user(&self, password: &str) {
        block_on(async {
            let mut client = self.connect(None).await;
            client.role_add("leases").await.expect("a role");
            let permission = Permission::new(PermissionType::Readwrite, "lease/cache/").with_prefix();
            client.role_grant_permission("leases", permission).await.expect("its permission");
        });
        self.add_node_user(None, password);
        self.enable_auth();
    }

    /// The user `root` with [`ROOT_PASSWORD`], and from now on nobody without a user.
    pub fn enable_auth(&self) {
        block_on(async {
            let mut client = self.connect(None).await;
            client.user_add("root", ROOT_PASSWORD, None).await.expect("a user");
            client.user_grant_role("root", "root").await.expect("its role");
            client.auth_enable().await.expect("authentication");
        });
    }

    /// The user `node`.
    pub fn add_node_user(&self, by: Option<(&str, &str)>, password: &str) {
        block_on(async {
            let mut client = self.connect(by).await;
            client.user_add("node", password, None).await.expect("a user");
            client.user_grant_role("node", "leases").await.expect("its role");
        });
    }

    /// It is gone.
    pub fn delete_node_user(&self) {
        block_on(async {
            let mut client = self.connect(ROOT).await;
            client.user_delete("node").await.expect("deleted");
        });
    }

    /// Another password for it.
    pub fn change_node_password(&self, password: &str) {
        block_on(async {
            let mut client = self.connect(ROOT).await;
            client.user_change_password("node", password).await.expect("changed");
        });
    }
}

/// Disarms what alarms there are. Whether this member takes a write then.
async fn has_room(member: &mut Client) -> bool {
    let alarms = member.alarm(AlarmAction::Get, AlarmType::Nospace, None).await.expect("alarms");
    for alarm in alarms.alarms() {
        let mut raised_by = AlarmOptions::new();
        raised_by.with_member(alarm.member_id());
        let off = member.alarm(AlarmAction::Deactivate, AlarmType::Nospace, Some(raised_by)).await;
        off.expect("the alarm is off");
    }
    member.put("room", "", None).await.is_ok()
}
