// One SMTP session (RFC 5321): a coroutine that reads a line, looks its verb up in a table, and answers.
//
// The handlers stand in files by subject: hello.cc (EHLO to QUIT), envelope.cc (MAIL, RCPT), message.cc
// (DATA, BDAT), burl.cc (BURL), secure.cc (STARTTLS, AUTH), verify.cc (VRFY, EXPN).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/auth/authenticator.h"
#include "common/daemon/line_session.h"
#include "common/mail/imap_url.h"
#include "common/mail/smtp_data.h"
#include "common/worker/worker.h"
#include "mta/protocol/command.h"
#include "mta/protocol/data_rate.h"
#include "mta/submission/submission.h"
#include "smtpd/server.h"
#include "smtpd/url_fetcher.h"

namespace waxwing::smtpd {

using mta::Verdict;

// Loop thread only.
class Session final : public LineSession {
 public:
  Session(std::shared_ptr<Server> server, EventLoop& loop, AcceptedConnection connection);

 private:
  struct Row;
  static const Row kTable[];

  // session.cc
  Task<bool> open() override;
  Task<void> command(std::string line) override;
  void read_failed(const Error& error) override;
  bool half_done() const override { return in_transaction(); }
  void say_stopping() override;
  void log_end() const override;
  Task<void> switch_channel();
  Task<void> ask_ident();

  // records.cc: what goes into mail.log_current, where the channel is logged
  void record_connection(char action, std::string_view diagnostic = {}, std::string_view user = {}) const;
  void record_bad_command(const Verdict& verdict) const;
  std::string closing_text() const;
  bool may_record_refusal() { return counts_.refusals_told++ < settings_->options.max_rejections_logged; }

  void reply(const Verdict& verdict);
  void wire(std::string_view direction, std::string_view text) const;  // slave_debug
  void bad_command(Verdict verdict);
  void end(Verdict verdict);  // reply, then the session is over
  void reset();
  bool in_transaction() const { return message_.has_value(); }
  std::int64_t keyword(mta::Kw keyword, std::int64_t fallback) const {
    return channel_->number(keyword, fallback);
  }
  auth::Peer peer() const;
  mta::Source source() const;

  // hello.cc
  Task<void> ehlo(std::string_view argument);
  Task<void> helo(std::string_view argument);
  bool hello(std::string_view argument, bool esmtp);  // false: refused, and told so
  Task<void> noop(std::string_view argument);
  Task<void> rset(std::string_view argument);
  Task<void> help(std::string_view argument);
  Task<void> quit(std::string_view argument);
  std::string banner() const;
  std::string extensions() const;

  // extensions.cc: FUTURERELEASE, DELIVERBY, MT-PRIORITY, where the channel offers them
  std::string extensions_of_channel() const;
  void allow_extensions(mta::protocol::MailRules& rules) const;

  // envelope.cc
  bool is_shut_out();
  Task<void> mail(std::string_view argument);
  Task<void> rcpt(std::string_view argument);
  static std::int64_t lower_limit(std::int64_t a, std::int64_t b);
  std::optional<Verdict> may_mail();
  std::optional<Verdict> may_rcpt() const;
  Task<std::optional<Verdict>> sender_domain_refusal(std::string address);
  void rejected_recipient(Verdict verdict);

  // message.cc
  Task<void> data(std::string_view argument);
  Task<void> bdat(std::string_view argument);
  std::optional<Verdict> may_data();
  Task<bool> sends_as_usual();  // surge.cc
  std::optional<Verdict> strictness(std::size_t longest_line, bool has_8bit) const;
  struct Rate {
    mta::protocol::DataRate least;
    std::uint64_t bytes_before;  // of the stream, at the beginning of the message
  };
  Rate data_rate() const;
  Task<bool> more_data(const Rate& rate);
  Task<void> receive_data();
  Task<bool> receive_chunk(std::uint64_t size);
  Task<void> begin_chunk(std::optional<Verdict> refusal);
  Task<void> take_piece(std::string_view piece);
  Task<void> end_chunk(bool last, Verdict taken);
  Task<void> finish(std::optional<Verdict> refusal);
  std::string trace_field() const;

  // burl.cc
  bool burl_offered() const;
  std::string burl_extension() const;
  Task<void> burl(std::string_view argument);
  std::optional<Verdict> may_burl(const std::expected<mta::protocol::BurlCommand, Verdict>& parsed) const;
  Task<std::optional<Verdict>> url_refusal(mail::ImapUrl url);
  Task<std::optional<Verdict>> is_for_other(std::string login);
  Task<std::uint64_t> fetch_url(std::string url);
  Task<std::uint64_t> take_fetched(UrlFetcher& fetcher);
  void burl_failed(const Error& error);

  // secure.cc
  Task<void> starttls(std::string_view argument);
  Task<void> auth(std::string_view argument);
  Task<void> auth_exchange(std::string mechanism, std::optional<std::string> initial);
  Task<std::optional<std::string>> auth_answer(std::string challenge);
  void auth_failed(const auth::Failure& failure);
  bool tls_offered() const;
  bool auth_offered() const;

  // proxied.cc: PROXY and XCLIENT
  bool comes_by_proxy() const;
  bool xclient_offered() const;
  Task<bool> read_proxy_header();
  Task<bool> may_connect();
  Task<bool> is_on_block_list();
  void set_peer(const std::string& client, int client_port, const std::string& server, int server_port);
  std::optional<Verdict> take_xclient(std::string_view argument);
  Task<void> xclient(std::string_view argument);

  // etrn.cc
  bool etrn_offered() const;
  std::optional<Verdict> may_etrn(bool whole_channel);
  Task<void> etrn(std::string_view argument);

  // verify.cc
  Task<void> vrfy(std::string_view argument);
  Task<void> expn(std::string_view argument);

  std::shared_ptr<Server> server_;
  std::shared_ptr<const Settings> settings_;
  // Whose connection it is: the socket's peer, unless who is listed says otherwise (proxied.cc).
  std::string transport_info_;
  std::string peer_address_;
  std::string first_address_;  // the peer that speaks XCLIENT
  const bool tls_first_;
  const std::string port_access_text_;      // what PORT_ACCESS wants in the C record
  std::shared_ptr<std::string> host_name_;  // by DNS, when the answer comes
  const mta::Channel* channel_;

  std::string_view command_;  // the line that is being served
  std::string helo_;
  bool esmtp_ = false;
  std::optional<auth::Identity> identity_;
  std::uint64_t size_limit_ = 0;

  // The transaction.
  std::optional<mta::Submission> message_;
  mta::SenderOptions mail_options_;
  std::string sender_as_given_, first_recipient_;
  std::shared_ptr<std::string> claimed_name_ = std::make_shared<std::string>();  // forwardchecktag
  std::string ident_;  // what the peer's ident service said
  std::int64_t rcpt_commands_ = 0, rejected_here_ = 0;
  bool chunking_ = false;  // a BDAT has come
  mail::LineChecker chunk_lines_;
  std::optional<Verdict> chunk_refusal_;

  struct Counts {
    std::int64_t commands = 0, bad_commands = 0, bad_auths = 0, bad_burls = 0, recipients = 0, rejected = 0,
                 attempts = 0, accepted = 0, etrns = 0, refusals_told = 0;
  } counts_;
};

}  // namespace waxwing::smtpd
