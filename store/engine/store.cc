#include "store/store.h"
#include "common/base/path.h"

#include <algorithm>
#include <atomic>

#include "common/base/random.h"
#include "store/detail/errors.h"
#include "store/detail/partitions.h"
#include "store/detail/paths.h"
#include "store/engine/inner.h"
#include "store/list/protocol.h"
#include "store/mailbox/draft.h"

namespace waxwing::store {

namespace {
constexpr std::size_t kMaxKnown = 100000;
}

Store::Store() : inner_(std::make_unique<Inner>()) {}

Store::~Store() {
  if (inner_->hub) inner_->hub->cut_interest();
  inner_->connection.reset();
}

Result<std::shared_ptr<Store>> Store::open(std::shared_ptr<const Config> config) {
  std::shared_ptr<Store> store(new Store);
  auto& in = *store->inner_;
  in.config = config;
  in.timeout_ms = config->number("store.stored.timeout") * 1000;
  in.default_quota = {config->number("store.defaultmailboxquota"),
                      config->number("store.defaultmessagequota")};
  auto* const inner = store->inner_.get();
  in.hub = std::make_shared<Hub>([inner](bool wanted, const std::string& key, const std::string& value) {
    wanted ? inner->connection->watch(key, value) : inner->connection->unwatch(key, value);
  });
  auto around = std::make_shared<Surroundings>();
  around->repair = config->flag("store.autorepair");
  around->tell = [inner](const Event& event) {
    inner->connection->post(encode_event(event));
    inner->hub->deliver(event);
  };
  const auto partitions = partitions_of(*config);
  in.mailboxes = std::make_unique<OpenMailboxes>(partitions, std::move(around));
  in.connection = std::make_unique<Connection>(
      config->path_of("run/stored"),
      Connection::Handlers{[inner](const Event& event) { inner->on_event(event); },
                           [inner] { inner->on_resync(); }});
  return store;
}

void Store::Inner::on_event(const Event& event) {
  {
    const std::lock_guard lock(mutex);
    known.erase(event.from);  // renamed from, or a row that was written anew
    if (event.kind == EventKind::mailbox_deleted || event.kind == EventKind::mailbox_renamed)
      known.erase(event.mailbox);
  }
  if (event.kind == EventKind::mailbox_renamed)
    if (const auto mailbox = mailboxes->find(event.mailbox_id))
      if (const auto name = MailboxName::parse(event.mailbox)) mailbox->rename_to(*name);
  if (event.kind == EventKind::mailbox_deleted) mailboxes->forget(event.mailbox_id);
  hub->deliver(event);
}

// Whatever was told while we were not listening: ask again.
void Store::Inner::on_resync() {
  {
    const std::lock_guard lock(mutex);
    known.clear();
  }
  hub->resync();
}

Result<MailboxEntry> Store::Inner::decode(std::string_view text) const {
  TRY(auto entry, decode_entry(text));
  TRY(const auto partition, mailboxes->partition(entry.partition));
  entry.directory = partition + "/" + entry.directory;
  return entry;
}

Result<Record> Store::Inner::ask(Record question) {
  return connection->ask(std::move(question), timeout_ms);
}

Result<MailboxEntry> Store::Inner::ask_for_entry(Record question) {
  TRY(const auto answer, connection->ask(std::move(question), timeout_ms, [this](const Record& record) {
    // In stored's order: an event that takes the entry away comes after this.
    if (auto entry = decode(record.get("entry"))) {
      const std::lock_guard lock(mutex);
      if (known.size() >= kMaxKnown) known.clear();
      known[entry->name.text()] = std::move(*entry);
    }
  }));
  return decode(answer.get("entry"));
}

Result<MailboxEntry> Store::find(const MailboxName& name) {
  {
    const std::lock_guard lock(inner_->mutex);
    const auto at = inner_->known.find(name.text());
    if (at != inner_->known.end()) return at->second;
  }
  return inner_->ask_for_entry(std::move(Record("find").set("name", name.text())));
}

Result<MailboxEntry> Store::create(const MailboxName& name, std::string_view special_use,
                                   std::string_view partition) {
  Record question("create");
  question.set("name", name.text()).set("mailbox_id", "F" + unique_id());
  question.set("special_use", special_use).set("partition", partition);
  return inner_->ask_for_entry(std::move(question));
}

Result<MailboxEntry> Store::find_or_create(const MailboxName& name) {
  auto found = find(name);
  if (found || code_of(found.error()) != Code::nonexistent) return found;
  auto created = create(name);
  if (created || code_of(created.error()) != Code::already_exists) return created;
  return find(name);  // somebody was quicker
}

Result<> Store::remove(const MailboxName& name) {
  TRY_VOID(inner_->ask(std::move(Record("remove").set("name", name.text()))));
  return {};
}

Result<> Store::rename(const MailboxName& from, const MailboxName& to) {
  if (from.user != to.user)
    return fail_permanently(Code::cannot, "a mailbox cannot change its user: " + to.text());
  if (!from.is_inbox()) {
    Record question("rename");
    TRY_VOID(inner_->ask(std::move(question.set("from", from.text()).set("to", to.text()))));
    return {};
  }
  TRY(const auto inbox, open_mailbox(from));
  TRY(const auto entry, create(to));
  TRY(const auto target, open_mailbox(entry));
  TRY_VOID(inbox->move({{1, 0xffffffff}}, *target, {}));
  return {};
}

Result<> Store::for_each(std::string_view prefix, const std::function<bool(const MailboxEntry&)>& visitor) {
  for (std::string after;;) {
    Record question("list");
    question.set("prefix", prefix).set("after", after);
    TRY(const auto answer, inner_->ask(std::move(question)));
    for (const auto text : answer.all("entry")) {
      TRY(const auto entry, inner_->decode(text));
      if (!visitor(entry)) return {};
      after = entry.name.text();
    }
    if (!answer.has("more")) return {};
  }
}

Result<std::vector<MailboxEntry>> Store::list(std::string_view user) {
  std::vector<MailboxEntry> entries;
  TRY_VOID(for_each("user/" + std::string(user) + "/", [&](const MailboxEntry& entry) {
    entries.push_back(entry);
    return true;
  }));
  return entries;
}

Result<> Store::subscribe(std::string_view user, const MailboxName& name) {
  TRY_VOID(inner_->ask(std::move(Record("subscribe").set("user", user).set("name", name.text()))));
  return {};
}

Result<> Store::unsubscribe(std::string_view user, const MailboxName& name) {
  TRY_VOID(inner_->ask(std::move(Record("unsubscribe").set("user", user).set("name", name.text()))));
  return {};
}

Result<std::vector<MailboxName>> Store::subscriptions(std::string_view user) {
  std::vector<MailboxName> names;
  for (std::string after;;) {
    TRY(const auto answer,
        inner_->ask(std::move(Record("subscriptions").set("user", user).set("after", after))));
    for (const auto text : answer.all("name")) {
      TRY(auto name, MailboxName::parse(text));
      names.push_back(std::move(name));
      after = text;
    }
    if (!answer.has("more")) return names;
  }
}

Result<Status> Store::status(const MailboxName& name) {
  TRY(const auto entry, find(name));
  return status(entry);
}

Result<Status> Store::status(const MailboxEntry& entry) {
  if (const auto open = inner_->mailboxes->find(entry.id); open && open->usable()) return open->status();
  const auto read = read_index_header(index_path(entry.directory));
  if (!read && code_of(read.error()) != Code::corrupt) return std::unexpected(read.error());
  const auto header = read.value_or(IndexHeader{});
  const auto boot = boot_id();
  const bool quiet = read && (header.version_ & 1) == 0 && header.busy == 0 && header.state == 0 &&
                     std::equal(boot.begin(), boot.end(), header.boot_id);
  // Only who has all records can count \Recent; and what must be mended, opening mends.
  if (!quiet || header.recent_uid + 1 < header.public_next_uid) {
    TRY(const auto mailbox, open_mailbox(entry));
    return mailbox->status();
  }
  Status status;
  status.messages = header.messages;
  status.unseen = header.unseen;
  status.deleted = header.deleted;
  status.uidnext = header.public_next_uid;
  status.uidvalidity = header.uidvalidity;
  status.size = header.bytes;
  status.highestmodseq = header.highestmodseq;
  status.mailbox_id = header.mailbox_id;
  return status;
}

Result<QuotaUsage> Store::quota_usage(std::string_view user) {
  TRY(const auto name, MailboxName::make(user, "INBOX"));
  auto entry = find(name);
  if (!entry && code_of(entry.error()) == Code::nonexistent) {
    TRY(const auto all, list(user));
    if (all.empty()) return QuotaUsage{};
    entry = all.front();
  }
  if (!entry) return std::unexpected(entry.error());
  TRY(const auto account, inner_->mailboxes->account(parent_directory(entry->directory)));
  return account->usage();
}

QuotaLimit Store::default_quota() const {
  return inner_->default_quota;
}

Result<std::shared_ptr<Mailbox>> Store::open_mailbox(const MailboxName& name) {
  TRY(const auto entry, find(name));
  auto opened = open_mailbox(entry);
  if (opened || code_of(opened.error()) != Code::nonexistent) return opened;
  // What we knew is out of date: ask once more.
  {
    const std::lock_guard lock(inner_->mutex);
    inner_->known.erase(name.text());
  }
  TRY(const auto fresh, find(name));
  return open_mailbox(fresh);
}

Result<std::shared_ptr<Mailbox>> Store::open_mailbox(const MailboxEntry& entry) {
  TRY(auto mailbox, inner_->mailboxes->open(entry));
  return std::shared_ptr<Mailbox>(std::move(mailbox));
}

Result<Draft> Store::begin_delivery() {
  TRY(auto path, inner_->mailboxes->partition(inner_->config->text("store.defaultpartition")));
  return Draft(std::make_unique<Draft::Inner>(std::move(path)));
}

Events& Store::events() {
  return *inner_->hub;
}

}  // namespace waxwing::store
