//! What an administrator of etcd does, and undoes.

use std::time::{Duration, Instant};

use etcd_client::{
    AlarmAction, AlarmOptions, AlarmType, Client, CompactionOptions, DeleteOptions, Permission,
    PermissionType,
};

use crate::etcd::{EtcdCluster, block_on};

/// Of the user root, once authentication is enabled.
pub const ROOT_PASSWORD: &str = "root";
/// Who that is to [`EtcdCluster::connect`].
pub const ROOT: Option<(&str, &str)> = Some(("root", ROOT_PASSWORD));

/// What an etcd on a busy machine may take for anything.
const LONGEST: Duration = Duration::from_secs(20);

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

    /// Deletes that again, and disarms the alarms. Each member has its own, and may
    /// raise it once more: they compact at their leisure, and what was not compacted
    /// is not defragmented. So all of it is done until each member takes a write.
    pub fn make_room(&self) {
        block_on(async {
            let mut client = self.connect(None).await;
            let options = DeleteOptions::new().with_prefix();
            let deleted = client.delete("fill/", Some(options)).await.expect("deletes are served");
            let revision = deleted.header().expect("a header").revision();
            let physically = CompactionOptions::new().with_physical();
            client.compact(revision, Some(physically)).await.expect("compacted");
            let deadline = Instant::now() + LONGEST;
            while !self.has_room(&mut client).await {
                assert!(Instant::now() < deadline, "no room");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
    }

    async fn has_room(&self, client: &mut Client) -> bool {
        let mut members = Vec::new();
        for endpoint in self.endpoints() {
            let mut member = Client::connect([endpoint], None).await.expect("a member");
            member.defragment().await.expect("defragmented");
            members.push(member);
        }
        let alarms = client.alarm(AlarmAction::Get, AlarmType::Nospace, None).await.expect("alarms");
        for alarm in alarms.alarms() {
            let mut member = AlarmOptions::new();
            member.with_member(alarm.member_id());
            let off = client.alarm(AlarmAction::Deactivate, AlarmType::Nospace, Some(member)).await;
            off.expect("no alarm any more");
        }
        for member in &mut members {
            if member.put("room", "", None).await.is_err() {
                return false;
            }
        }
        let alarms = client.alarm(AlarmAction::Get, AlarmType::Nospace, None).await.expect("alarms");
        alarms.alarms().is_empty()
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
