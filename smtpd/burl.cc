// BURL (RFC 4468): a chunk of the message that this host fetches itself, from an IMAP server of smtp.burl.hosts.
//
// A client may name a URL, not a place to connect to: the host is looked up in the option, and what is there is taken.
// Whose mail it may be is decided twice. Here: only submit+ of the very user who has logged in. There: by the token, which
// only that mailbox's owner can have made. Errors: RFC 4468 §3.2 with the codes of RFC 5248.
#include <fmt/format.h>

#include "common/directory/patiently.h"
#include "common/log/log.h"
#include "common/mail/imap_url.h"
#include "smtpd/session.h"
#include "smtpd/url_fetcher.h"

namespace waxwing::smtpd {

using mail::ImapUrl;
using mta::Kw;

namespace {
const Verdict kUntrusted{554, "5.7.14", "No trust relationship with that IMAP server"};
const Verdict kNotForYou{554, "5.7.1", "That URL is for the mail of another user"};
const Verdict kLeadsNowhere{554, "5.6.6", "IMAP URL resolution failed"};
const Verdict kUnavailable{451, "4.4.1", "IMAP server unavailable, try again later"};
}  // namespace

bool Session::burl_offered() const {
  return settings_->burl && channel_->is(Kw::acceptburl) && esmtp_;
}

// Without parameters: it is there, for who logs in.
std::string Session::burl_extension() const {
  std::string line = "\nBURL";
  if (!identity_) return line;
  line += " imap";
  for (const auto& host : settings_->burl->hosts) {
    const bool is_v6 = host.name.find(':') != std::string::npos;
    line += " imap://" + (is_v6 ? "[" + host.name + "]" : host.name);
  }
  return line;
}

std::optional<Verdict> Session::may_burl(
    const std::expected<mta::protocol::BurlCommand, Verdict>& parsed) const {
  if (!identity_) return Verdict{530, "5.7.0", "Authentication required"};
  if (!parsed) return parsed.error();
  if (!parsed->last && channel_->is(Kw::nochunkingserver))
    return Verdict{502, "5.5.1", "CHUNKING is not offered: BURL takes LAST"};
  return std::nullopt;
}

Task<void> Session::burl(std::string_view argument) {
  if (!burl_offered()) {
    bad_command({502, "5.5.1", "BURL is not offered"});
    co_return;
  }
  if (!in_transaction()) {
    bad_command({503, "5.5.1", "MAIL first"});
    co_return;
  }
  const auto parsed = mta::protocol::parse_burl(argument);
  const bool refused_before = chunk_refusal_.has_value();
  // A BURL that fails takes the message with it, so that what is pipelined behind it does not pass for all of it.
  auto refusal = may_burl(parsed);
  co_await begin_chunk(std::move(refusal));
  std::uint64_t bytes = 0;
  if (!chunk_refusal_) {
    std::string url(parsed->url);
    bytes = co_await fetch_url(std::move(url));
  }
  const auto limit = keyword(Kw::disconnectbadburllimit, 0);
  if (!refused_before && chunk_refusal_ && !chunk_refusal_->temporary() && ++counts_.bad_burls >= limit &&
      limit > 0) {
    end({421, "4.7.0", "Too many bad BURL commands"});
    co_return;
  }
  Verdict taken{250, "2.5.0", std::to_string(bytes) + " bytes fetched"};
  co_await end_chunk(parsed && parsed->last, std::move(taken));
}

// Whether the access identifier names somebody else than who has logged in.
Task<std::optional<Verdict>> Session::is_for_other(std::string login) {
  const auto& user = identity_->user->store_name;
  if (login == user) co_return std::nullopt;
  auto ask = [&](directory::Ask patience) {
    return server_->submitter()->directory()->user_by_login(login, patience);
  };
  auto found = co_await directory::patiently(server_->workers(), ask);
  if (!found) co_return Verdict{451, "4.3.0", "The directory cannot be asked now, try again later"};
  if (!*found || (*found)->store_name != user) co_return kNotForYou;
  co_return std::nullopt;
}

Task<std::optional<Verdict>> Session::url_refusal(ImapUrl url) {
  if (!settings_->burl->host(url.host, url.port)) co_return kUntrusted;
  if (url.access != ImapUrl::Access::submit || url.token.empty())
    co_return Verdict{554, "5.7.14", "Only URLs with URLAUTH=submit+user and a token are fetched"};
  auto refusal = co_await is_for_other(url.access_user);
  co_return refusal;
}

void Session::burl_failed(const Error& error) {
  log::Event("smtp.burl.failed")
      .with("sid", sid_)
      .with("qid", message_->queue_id())
      .with("error", error.text)
      .error();
  chunk_refusal_ = kUnavailable;
}

// Into the message; answers how many bytes. What goes wrong is in chunk_refusal_ then.
Task<std::uint64_t> Session::fetch_url(std::string text) {
  auto url = mail::parse_imap_url(text);
  if (!url) {
    chunk_refusal_ = Verdict{501, "5.5.4", "BURL: " + url.error().text};
    co_return 0;
  }
  auto refusal = co_await url_refusal(*url);
  if (refusal) {
    chunk_refusal_ = std::move(refusal);
    co_return 0;
  }
  const auto burl = settings_->burl;
  auto host = *burl->host(url->host, url->port);
  auto& loop = stream_.loop();
  auto fetcher = co_await UrlFetcher::open(loop, server_->resolver(loop), burl, host);
  if (!fetcher) {
    burl_failed(fetcher.error());
    co_return 0;
  }
  auto size = co_await (*fetcher)->begin(text);
  if (!size) {
    burl_failed(size.error());
    co_return 0;
  }
  if (!*size) chunk_refusal_ = kLeadsNowhere;
  if (*size && size_limit_ > 0 && **size > size_limit_)
    chunk_refusal_ =
        Verdict{552, "5.3.4", fmt::format("{} ({} bytes)", settings_->options.size_error_text, size_limit_)};
  if (chunk_refusal_) co_return 0;
  auto bytes = co_await take_fetched(**fetcher);
  log::Event("smtp.burl")
      .with("sid", sid_)
      .with("qid", message_->queue_id())
      .with("host", host.name)
      .with("owner", url->user)
      .with("bytes", static_cast<std::int64_t>(bytes))
      .information();
  co_return bytes;
}

Task<std::uint64_t> Session::take_fetched(UrlFetcher& fetcher) {
  std::uint64_t bytes = 0;
  while (!chunk_refusal_) {
    auto piece = co_await fetcher.next();
    if (!piece) burl_failed(piece.error());
    if (!piece || piece->empty()) break;
    bytes += piece->size();
    co_await take_piece(*piece);
  }
  co_return bytes;
}

}  // namespace waxwing::smtpd
