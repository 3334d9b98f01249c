// qm hold, release, reroute, return, delete, start, stop. The job controller does it, so that it knows; when it does
// not run, the file is renamed, marked or removed here, and it reads the tree when it starts.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <span>

#include "common/base/strings.h"
#include "mta/config/channel_name.h"
#include "mta/queue/give_back.h"
#include "mta/queue/reroute.h"
#include "tools/imsimta/qm.h"

namespace waxwing::imsimta {

using mta::queue::FileName;

namespace {

Result<> change_directly(mta::queue::Queue& queue, const std::string& verb, const FileName& name) {
  if (verb == "hold") {
    if (name.held) return permanent("the message is held already: " + name.relative());
    durable::Batch batch;
    queue.hold(name, batch);
    return durable::commit(std::move(batch));
  }
  if (verb == "release") {
    if (!name.held) return permanent("the message is not held: " + name.relative());
    durable::Batch batch;
    TRY_VOID(queue.release(name, batch));
    return durable::commit(std::move(batch));
  }
  if (verb == "reroute") {
    TRY_VOID(mta::queue::reroute(queue, name));
    return {};
  }
  if (verb == "delete") {
    if (!file_exists(queue.path_of(name))) return permanent("no such message file: " + name.relative());
    durable::Batch batch;
    TRY_VOID(queue.remove(name, batch));
    return durable::commit(std::move(batch));
  }
  // The job controller finds the wish in the file when it starts.
  return mta::queue::mark_for_return(queue, name);
}

const char* done_word(std::string_view verb) {
  return verb == "hold"      ? "HELD, held"
         : verb == "release" ? "RELEASED, released"
         : verb == "reroute" ? "REROUTED, to have its addresses resolved anew:"
         : verb == "return"  ? "RETURNED, to go back to its sender:"
                             : "DELETED, deleted";
}

bool confirmed(const std::string& verb, const FileName& name) {
  std::printf("%s %s? [y/n] ", verb.c_str(), name.relative().c_str());
  std::fflush(stdout);
  std::string answer;
  return std::getline(std::cin, answer) && !answer.empty() && lower(answer[0]) == 'y';
}

// As many names of the longest kind as a packet holds.
constexpr std::size_t kBatch = 500;

// What became of each: nothing where it was done, else why not.
Result<std::vector<std::string>> change(const Context& context, mta::queue::Queue& queue,
                                        const std::string& verb, std::span<const FileName> names) {
  std::vector<std::string> results;
  if (!controller_runs(context)) {
    for (const auto& name : names) {
      const auto done = change_directly(queue, verb, name);
      results.push_back(done ? "" : done.error().text);
    }
    return results;
  }
  Record request("batch");
  request.set("do", verb);
  for (const auto& name : names) request.set("file", name.relative());
  TRY(const auto answer, ask_controller(context, request));
  for (const auto result : answer.all("result")) results.emplace_back(result);
  if (results.size() != names.size())
    return bug("the job controller answered for another number of messages");
  return results;
}

int report(const std::string& verb, const FileName& name, const std::string& trouble, bool quiet) {
  if (!trouble.empty()) {
    std::fprintf(stderr, "%%QM-E-FAILED, %s: %s\n", name.relative().c_str(), trouble.c_str());
  } else if (!quiet) {
    std::printf("%%QM-I-%s the message file %s\n", done_word(verb), name.relative().c_str());
  }
  return trouble.empty() ? 0 : 1;
}

}  // namespace

Result<int> qm_change(const Context& context, const std::string& verb, Arguments arguments) {
  const auto usage = qm_usage(verb);
  std::string channel;
  arguments.take("channel", &channel);
  const bool all = arguments.take("all");
  const bool ask = arguments.take("confirm");
  const bool quiet = arguments.take("nolog");
  arguments.take("noconfirm"), arguments.take("log");
  std::vector<std::string> words;
  for (auto word = arguments.take_word(); !word.empty(); word = arguments.take_word()) words.push_back(word);
  TRY_VOID(arguments.finish(usage));
  const auto queue = open_queue(context);
  TRY(auto names, all_or_selected(context, *queue, channel, all, words, usage));
  if (ask) std::erase_if(names, [&](const FileName& name) { return !confirmed(verb, name); });
  return change_messages(context, verb, names, quiet);
}

Result<int> change_messages(const Context& context, const std::string& verb,
                            const std::vector<FileName>& names, bool quiet) {
  const auto queue = open_queue(context);
  int status = 0;
  for (std::size_t at = 0; at < names.size(); at += kBatch) {
    const std::span chunk(names.data() + at, std::min(kBatch, names.size() - at));
    TRY(const auto results, change(context, *queue, verb, chunk));
    for (std::size_t i = 0; i < chunk.size(); ++i) status |= report(verb, chunk[i], results[i], quiet);
  }
  return status;
}

Result<int> qm_channel(const Context& context, const std::string& verb, Arguments arguments) {
  const auto channel = to_lower(arguments.take_word());
  TRY_VOID(arguments.finish("imsimta queue start|stop channel"));
  if (channel.empty()) return permanent("which channel? imsimta queue " + verb + " channel");
  if (!controller_runs(context)) {
    if (!mta::is_channel_name(channel)) return permanent("not a channel name: " + printable(channel));
    TRY_VOID(open_queue(context)->set_stopped(channel, verb == "stop"));
  } else {
    TRY_VOID(ask_controller(context, Record(verb).set("channel", channel)));
  }
  std::printf("%%QM-I-%s, channel %s %s\n", verb == "stop" ? "STOPPED" : "STARTED", channel.c_str(),
              verb == "stop" ? "is stopped: what is queued stays" : "delivers again");
  return 0;
}

}  // namespace waxwing::imsimta
