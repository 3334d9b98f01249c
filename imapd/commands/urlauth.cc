// GENURLAUTH, URLFETCH, RESETKEY: URLAUTH, RFC 4467.
//
// A URL is fetched when its token is right by the access key of the mailbox that it names, it has not expired, and it
// lets this session have it: submit+ those of imap.submituser only, user+ its user, authuser and anonymous everybody
// here. Whatever of that fails, the answer is NIL and does not say which. A key is read before anything of the mailbox is
// opened.
#include <algorithm>
#include <utility>

#include "common/auth/access.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "common/mail/imap_url.h"
#include "imapd/commands/commands.h"
#include "imapd/fetch/line.h"
#include "imapd/server.h"
#include "imapd/urlauth.h"
#include "store/access_keys.h"

namespace waxwing::imap {
namespace {

using directory::Ask;
using mail::ImapUrl;

constexpr std::size_t kMostUrls = 100;  // of one command

struct Url {
  std::string text;
  ImapUrl parts;
  FetchRequest request;  // of one item
};

// The section is read as FETCH reads it, without a word of the client's in front.
Result<FetchRequest> request_of(const ImapUrl& url) {
  auto text = "BODY.PEEK[" + url.section + "]";
  Scanner in(text);
  TRY(auto request, parse_fetch(in, 1));
  TRY_VOID(in.end());
  if (url.partial) request.items[0].partial = {url.partial->offset, url.partial->count.value_or(UINT32_MAX)};
  return request;
}

Result<Url> one_url(Scanner& in) {
  Url url;
  TRY(url.text, in.astring());
  TRY(url.parts, mail::parse_imap_url(url.text));
  if (url.parts.access == ImapUrl::Access::none) return permanent("the URL has no URLAUTH=");
  if (url.parts.user.empty()) return permanent("the URL does not say whose mailbox it is about");
  TRY(url.request, request_of(url.parts));
  return url;
}

Result<> only_internal(std::string_view mechanism) {
  if (iequals(mechanism, kUrlMechanism)) return {};
  return permanent("the only mechanism is INTERNAL");
}

// The store's name of who that is; empty: nobody, or one who must not log in now. Blocks.
Result<std::string> store_name_of(Session& session, const std::string& login) {
  TRY(const auto user, session.server().logins().directory().user_by_login(login, Ask::may_block));
  if (!user) return std::string();
  const auto is_well = [](directory::Status status) {
    return status == directory::Status::active || status == directory::Status::overquota;
  };
  return is_well(user->status) && is_well(user->domain->status) ? user->store_name : std::string();
}

// ---- GENURLAUTH ---------------------------------------------------------------------------------------

Result<std::vector<Url>> genurlauth_arguments(Scanner& in) {
  std::vector<Url> urls;
  do {
    TRY_VOID(in.space());
    TRY(auto url, one_url(in));
    if (!url.parts.mechanism.empty()) return permanent("the URL has a token already");
    TRY_VOID(in.space());
    TRY(const auto mechanism, in.atom());
    TRY_VOID(only_internal(mechanism));
    if (urls.size() >= kMostUrls) return permanent("too many URLs in one command");
    urls.push_back(std::move(url));
  } while (in.peek() == ' ' && in.rest().size() > 1);
  TRY_VOID(in.end());
  return urls;
}

bool is_this_server(Session& session, const std::string& host) {
  const auto& names = session.server().settings()->url_hosts;
  const auto address = session.stream().local_address();
  return host == address || (host == "localhost" && auth::is_loopback(address)) ||
         std::ranges::find(names, host) != names.end();
}

// On a writer: a mailbox may get its first key.
Result<std::string> signed_url(Session& session, const Url& url) {
  const auto& parts = url.parts;
  if (!is_this_server(session, parts.host))
    return permanent("[CANNOT] This server is not known as " + parts.host + "; see imap.urlauth.hosts");
  const auto& user = session.account().user;
  if (parts.user != user) {
    TRY(const auto owner, store_name_of(session, parts.user));
    if (owner != user) return permanent("[NOPERM] Only URLs of your own mailboxes are signed");
  }
  if (!parts.access_user.empty()) {
    TRY(const auto other, store_name_of(session, parts.access_user));
    if (other.empty()) return permanent("[CANNOT] The access identifier names no user");
  }
  TRY(const auto name, store::MailboxName::make(user, parts.mailbox));
  TRY(const auto key, store::make_access_key(session.server().store(), name));
  return url.text + ":internal:" + sign_url(key, url.text);
}

// ---- URLFETCH -----------------------------------------------------------------------------------------

Result<std::vector<Url>> urlfetch_arguments(Scanner& in) {
  std::vector<Url> urls;
  do {
    TRY_VOID(in.space());
    TRY(auto url, one_url(in));
    if (url.parts.mechanism.empty()) return permanent("the URL has no token");
    if (urls.size() >= kMostUrls) return permanent("too many URLs in one command");
    urls.push_back(std::move(url));
  } while (in.peek() == ' ' && in.rest().size() > 1);
  TRY_VOID(in.end());
  return urls;
}

// Whether the URL lets this session have it. Blocks.
Result<bool> may_have(Session& session, const ImapUrl& url) {
  const auto& user = session.account().user;
  if (url.access == ImapUrl::Access::submit) {
    const auto& submitters = session.server().settings()->submit_users;
    return std::ranges::find(submitters, user) != submitters.end();
  }
  if (url.access != ImapUrl::Access::user || url.access_user == user) return true;
  TRY(const auto other, store_name_of(session, url.access_user));
  return other == user;
}

// What a URL leads to, or in words for the log why it leads nowhere.
struct Found {
  std::string_view why_not;
  FetchedMessage message;
};

Result<Found> find_message(Session& session, const store::MailboxName& name, const Url& url) {
  TRY(const auto mailbox, session.server().store().open_mailbox(name));
  TRY(const auto view, mailbox->view(false));
  if (url.parts.uidvalidity && *url.parts.uidvalidity != view->uidvalidity())
    return Found{.why_not = "another UIDVALIDITY"};
  const auto sequence = view->sequence_of(url.parts.uid);
  if (sequence == 0) return Found{.why_not = "no such message"};
  Found found;
  TRY(found.message, fetch_from_file(url.request, *mailbox, view->message(sequence)));
  if (found.message.contents.at(0).missing) found.why_not = "no such part";
  return found;
}

// On a worker.
Result<Found> follow(Session& session, const Url& url) {
  const auto& parts = url.parts;
  if (!only_internal(parts.mechanism)) return Found{.why_not = "another mechanism"};
  if (parts.expires && *parts.expires <= wall_seconds()) return Found{.why_not = "expired"};
  TRY(const auto allowed, may_have(session, parts));
  if (!allowed) return Found{.why_not = "for others"};
  TRY(const auto owner, store_name_of(session, parts.user));
  if (owner.empty()) return Found{.why_not = "no such user"};
  TRY(const auto name, store::MailboxName::make(owner, parts.mailbox));
  TRY(const auto key, store::access_key(session.server().store(), name));
  if (!is_signed(key, parts.signed_part(url.text), parts.token)) return Found{.why_not = "wrong token"};
  return find_message(session, name, url);
}

void log_fetch(Session& session, const Url& url, const Result<Found>& found) {
  const std::string why(found ? found->why_not : std::string_view(found.error().text));
  log::Event event(why.empty() ? "imap.urlfetch" : "imap.urlfetch.nothing");
  event.with("sid", session.id()).with("owner", url.parts.user).with("mailbox", url.parts.mailbox);
  event.with("uid", static_cast<std::int64_t>(url.parts.uid)).with("access", url.parts.access_user);
  if (why.empty()) return event.information();
  event.with("why", why).notice();
}

}  // namespace

Task<Answer> gen_url_auth(Session& session, Command& command) {
  const auto urls = genurlauth_arguments(command.arguments);
  if (!urls) co_return bad_syntax(urls.error());
  std::string line = "GENURLAUTH";
  for (const auto& url : *urls) {
    auto work = [&] { return signed_url(session, url); };
    auto made = co_await session.on_writer(work);
    if (!made) co_return answer_for(made.error());
    // Nothing in a URL needs an escape between quotes: imap_url.h.
    line += " \"" + *made + "\"";
  }
  session.untagged(line);
  co_return Answer::ok("GENURLAUTH completed");
}

Task<Answer> url_fetch(Session& session, Command& command) {
  const auto urls = urlfetch_arguments(command.arguments);
  if (!urls) co_return bad_syntax(urls.error());
  for (const auto& url : *urls) {
    auto work = [&] { return follow(session, url); };
    auto found = co_await session.on_worker(work);
    log_fetch(session, url, found);
    if (!found && found.error().fault != Fault::permanent) co_return answer_for(found.error());
    const auto name = "* URLFETCH \"" + url.text + "\" ";
    if (!found || !found->why_not.empty()) {
      session.write(name + "NIL\r\n");
      continue;
    }
    const auto& item = url.request.items[0];
    const auto& message = found->message;
    const bool sent = co_await send_content(session, item, name, message, message.contents[0]);
    if (!sent) {
      session.abandon();
      co_return Answer::no("The message cannot be read");
    }
    session.write("\r\n");
    const bool goes_on = co_await session.breathe();
    if (!goes_on) co_return Answer::no("The connection is gone");
  }
  co_return Answer::ok("URLFETCH completed");
}

// ---- RESETKEY -----------------------------------------------------------------------------------------

namespace {

// Without a value: all mailboxes.
Result<std::optional<std::string>> resetkey_arguments(Scanner& in) {
  if (in.at_end()) return std::nullopt;
  TRY_VOID(in.space());
  TRY(auto mailbox, in.astring());
  while (!in.at_end()) {
    TRY_VOID(in.space());
    TRY(const auto mechanism, in.atom());
    TRY_VOID(only_internal(mechanism));
  }
  return mailbox;
}

}  // namespace

Task<Answer> reset_key(Session& session, Command& command) {
  const auto wire = resetkey_arguments(command.arguments);
  if (!wire) co_return bad_syntax(wire.error());
  Result<store::MailboxName> name = store::MailboxName{};
  if (*wire) name = session.mailbox_named(**wire);
  if (!name) co_return answer_for(name.error());
  auto work = [&] {
    auto& store = session.server().store();
    return *wire ? store::renew_access_key(store, *name)
                 : store::remove_access_keys(store, session.account().user);
  };
  auto done = co_await session.on_writer(work);
  if (!done) co_return answer_for(done.error());
  log::Event("imap.resetkey")
      .with("sid", session.id())
      .with("user", session.account().user)
      .with("mailbox", *wire ? name->folder : "*")
      .information();
  co_return Answer::ok("[URLMECH INTERNAL] RESETKEY completed");
}

}  // namespace waxwing::imap
