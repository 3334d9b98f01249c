#include "channels/native_master/native_channel.h"

#include <fmt/format.h>
#include <unistd.h>

#include "channels/master/local_text.h"
#include "channels/native_master/delivery_file.h"
#include "channels/program/account.h"
#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/log/log.h"
#include "mta/config/mta_config.h"

namespace waxwing::channels {

namespace {

constexpr unsigned kWorkers = 8;
constexpr const char* kDefaultPattern = "/var/mail/%u";

Result<Owner> find_owner(const std::string& address) {
  const auto user = address.substr(0, address.rfind('@'));
  if (user.empty() || user[0] == '+' || user[0] == '-' || user.find_first_of("/\\\" ") != std::string::npos ||
      user.find('\0') != std::string::npos)
    return permanent("not the name of an account: " + printable(user));
  TRY(auto account, find_account(user));
  return Owner{std::move(account.name), std::move(account.home), account.uid, account.gid, false};
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

Result<NativeChannel::Place> NativeChannel::file_place(const mta::queue::Recipient& recipient) const {
  const auto config = context_.daemon().config();
  TRY(auto path, delivery_file_path(recipient, config->text("native.filefolders"), config->root()));
  const auto file = path.substr(0, path.find_last_not_of('/') + 1);
  TRY_VOID(make_directories(file.substr(0, file.rfind('/')), 0750));
  return Place{{"the mail service", config->root(), ::geteuid(), ::getegid(), false}, std::move(path)};
}

Result<NativeChannel::Place> NativeChannel::account_place(Owner owner) const {
  TRY(auto path, mailbox_path(pattern_, owner));
  owner.lends_rights = pattern_.find("%h") != std::string::npos;
  return Place{std::move(owner), std::move(path)};
}

Result<> NativeChannel::put(Work& work, std::size_t index, Place place) const {
  const auto& envelope = work.envelope();
  NativeMessage message;
  message.sender = envelope.sender;
  message.id = fmt::format("{}_{}_{}", work.message().name().id, work.message().name().copy, index);
  message.arrival_seconds = envelope.arrival_ms / 1000;
  if (return_path_) message.head = return_path_line(envelope.sender);
  message.head += original_recipient_line(work.message(), index, "\n");
  LocalText text(work.message(), "");
  message.next = [&text] { return text.next(); };
  const auto lock_ms = context_.daemon().config()->number("native.locktimeout") * 1000;
  if (!place.path.ends_with('/')) return append_to_mbox(place.path, place.owner, message, lock_ms);
  place.path.pop_back();
  return put_into_maildir(place.path, place.owner, message);
}

void NativeChannel::deliver_one(Work& work, std::size_t index) const {
  const auto refused = [&](const Error& error, const char* code) {
    if (error.fault != Fault::permanent) return work.deferred(index, "4.2.0 " + error.text);
    work.failed(index, code + error.text);
  };
  const auto& recipient = work.envelope().recipients[index];
  const bool to_file = is_delivery_file(recipient);
  auto owner = to_file ? Result<Owner>(Owner{}) : find_owner(recipient.address);
  if (!owner) return refused(owner.error(), "5.1.1 ");
  auto place = to_file ? file_place(recipient) : account_place(std::move(*owner));
  if (!place) return refused(place.error(), "5.2.0 ");
  if (const auto done = put(work, index, std::move(*place)); !done) return refused(done.error(), "5.2.0 ");
  work.delivered(index, "2.1.5 in the mailbox");
}

Task<void> NativeChannel::deliver(Work& work) {
  work.set_final(true);
  co_await workers_.run([&] {
    for (const auto i : work.pending()) deliver_one(work, i);
  });
}

}  // namespace waxwing::channels
