#include "channels/native_master/native_channel.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>

#include "channels/master/local_form.h"
#include "common/base/strings.h"
#include "common/log/log.h"
#include "mta/config/mta_config.h"

namespace waxwing::channels {

namespace {

constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr unsigned kWorkers = 8;
constexpr const char* kDefaultPattern = "/var/mail/%u";

Result<Owner> find_owner(const std::string& address) {
  const auto user = address.substr(0, address.rfind('@'));
  if (user.empty() || user[0] == '+' || user[0] == '-' || user.find_first_of("/\\\" ") != std::string::npos ||
      user.find('\0') != std::string::npos)
    return permanent("not the name of an account: " + printable(user));
  passwd row{}, *found = nullptr;
  std::array<char, 16384> buffer;
  const int problem = ::getpwnam_r(user.c_str(), &row, buffer.data(), buffer.size(), &found);
  if (problem != 0) return std::unexpected(system_error("cannot look up account " + user, problem));
  if (found == nullptr) return permanent("there is no account " + printable(user) + " on this host");
  return Owner{row.pw_name, row.pw_dir, row.pw_uid, row.pw_gid, false};
}

}  // namespace

NativeChannel::NativeChannel(MasterContext& context) : context_(context), workers_(kWorkers) {
  read_settings();
  context_.daemon().on_reload([this] { read_settings(); });
}

Result<std::unique_ptr<Channel>> NativeChannel::create(MasterContext& context) {
  return std::unique_ptr<Channel>(new NativeChannel(context));
}

void NativeChannel::read_settings() {
  const auto config = mta::MtaConfig::load(context_.daemon().config()->root());
  if (!config) return log::Event("mta.reload.refused").with("error", config.error().text).error();
  pattern_ = (*config)->options().text(mta::Opt::MAIL_DELIVERY_FILENAME);
  if (pattern_.empty()) pattern_ = kDefaultPattern;
  const auto* channel = (*config)->channel(context_.channel());
  return_path_ = channel != nullptr && channel->is(mta::Kw::addreturnpath);
}

Result<> NativeChannel::put(Work& work, std::size_t index, Owner owner) const {
  const auto& envelope = work.envelope();
  TRY(auto path, mailbox_path(pattern_, owner));
  NativeMessage message;
  message.sender = envelope.sender;
  message.id = fmt::format("{}_{}_{}", work.message().name().id, work.message().name().copy, index);
  message.arrival_seconds = envelope.arrival_ms / 1000;
  if (return_path_) message.head = "Return-Path: <" + printable(envelope.sender) + ">\n";
  std::uint64_t at = 0;
  LocalForm form;
  message.next = [&]() -> Result<std::string> {
    std::string text;
    while (text.empty() && at < work.message().message_size()) {
      TRY(const auto piece, work.message().read_message(at, kPieceBytes));
      at += piece.size();
      text = form.take(piece);
    }
    return text.empty() ? form.end() : text;
  };
  owner.lends_rights = pattern_.find("%h") != std::string::npos;
  const auto lock_ms = context_.daemon().config()->number("native.locktimeout") * 1000;
  if (!path.ends_with('/')) return append_to_mbox(path, owner, message, lock_ms);
  path.pop_back();
  return put_into_maildir(path, owner, message);
}

void NativeChannel::deliver_one(Work& work, std::size_t index) const {
  const auto refused = [&](const Error& error, const char* code) {
    if (error.fault != Fault::permanent) return work.deferred(index, "4.2.0 " + error.text);
    work.failed(index, code + error.text);
  };
  auto owner = find_owner(work.envelope().recipients[index].address);
  if (!owner) return refused(owner.error(), "5.1.1 ");
  if (const auto done = put(work, index, std::move(*owner)); !done) return refused(done.error(), "5.2.0 ");
  work.delivered(index, "2.1.5 in the mailbox of the account");
}

Task<void> NativeChannel::deliver(Work& work) {
  work.set_final(true);
  co_await workers_.run([&] {
    for (const auto i : work.pending()) deliver_one(work, i);
  });
}

}  // namespace waxwing::channels
