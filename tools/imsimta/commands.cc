#include "common/base/strings.h"
#include "tools/imsimta/command.h"
#include "tools/imsimta/qm.h"

namespace waxwing::imsimta {
namespace {

constexpr Command kCommands[] = {
    {"cache",
     "cache -view [channel] [-host=name] [-id=queue-id] [-json] | -sync | -walk\n"
     "       imsimta cache -change -global [-max_messages=N] [-synch_time=MINUTES]\n"
     "       imsimta cache -change -channel=C [-thread_depth=N] [-job_limit=N] [-files_per_job=N]\n"
     "       imsimta cache -change -channel_template=PATTERN -master_job=COMMAND",
     "shows and changes what the job controller has in memory", run_cache},
    {"circuitcheck", "circuitcheck [-json] | -clear [name ...] | name ...",
     "shows what became of the messages of circuits, and sends one now", run_circuitcheck},
    {"cnbuild", "cnbuild [-check] [-statistics]", "checks the MTA's configuration files and publishes them",
     run_cnbuild},
    {"convertdb", "convertdb file database", "makes a database from one of Berkeley DB", run_convertdb},
    {"counters",
     "counters [-show] [-today] [-associations|-noassociations] [-channels|-nochannels] "
     "[-headers|-noheaders]\n"
     "       [-output=file] [-json] [channel]\n"
     "       imsimta counters -clear | -create | -delete | -sync",
     "shows what the channels have done, and clears that", run_counters},
    {"crdb",
     "crdb [-append] [-delete] [-duplicates] [-quoted] [-remove] [-strip_colons] [-statistics] text "
     "database\n"
     "       imsimta crdb -dump database [text]",
     "makes one of the MTA's databases from a text", run_crdb},
    {"find", "find [-f=n|-l=n] [-all] [-json] file", "tells where a version of a log file is", run_find},
    {"journal", "journal [-all] [-content] [-directory=D]", "prints the records of the commit journal",
     run_journal},
    {"kill", "kill pid", "ends a process of this instance in good order", run_kill},
    {"metermaid", "metermaid [-remove] table key | metermaid [-top=n] [-json] table",
     "shows or forgets what MeterMaid has counted, for a key or for those with most", run_metermaid},
    {"process", "process [-json]", "lists the processes of this instance", run_process},
    {"program",
     "program -l [-m method] [-json]\n"
     "       imsimta program -a|-c -m method -p program [-g arguments] [-e user|postmaster|account]\n"
     "       imsimta program -d -m method",
     "lists and changes the programs that mail may be given to", run_program},
    {"purge", "purge [-num=n] [-day=n] [-hour=n] [-trial] [file]", "removes old versions of log files",
     run_purge},
    {"qclean",
     "qclean [-from=] [-to=] [-subject=] [-domain_to=] [-content=] [-match=and|or] [-ignore_zz]\n"
     "       [-min_length=n] [-directory_tree|-database] [-threads=n|-nothreads] [-verbose] [-delete|-hold] "
     "[channel]",
     "finds messages in the queue, and holds or deletes them", run_qclean},
    {"qm", "qm [command [argument ...]]; imsimta qm help lists them",
     "shows and changes what is queued; without a command, asks for one after the other", run_qm},
    {"qtop",
     "qtop [-by=what|-from|-to|-domain_to|-subject|-content] [-min_length=n] [-top=n] [-interval=seconds] "
     "[-once]\n"
     "       [-json] [channel]",
     "counts what is queued by host, domain, sender, age or status", qm_top},
    {"queue", "queue start|stop channel | -retry_delivery channel | -recover_crash",
     "stops and starts a channel's deliveries", run_queue},
    {"refresh", "refresh [service ...]", "cnbuild, then restart", run_refresh},
    {"reload", "reload",
     "makes running services take the published configuration and msg.conf, without restart", run_reload},
    {"renamedb", "renamedb old new", "puts a database in the place of another", run_renamedb},
    {"return", "return [-channel=name] [-all] [-confirm|-noconfirm] [-log|-nolog] [message-file ...]",
     "gives a message back to its sender", run_return},
    {"restart", "restart [service ...]", "restarts the MTA's services, or those named", run_restart},
    {"rotate", "rotate", "makes mail.log_current the log of yesterday, as is done every night", run_rotate},
    {"run", "run channel [host|@domain|poll]", "delivers what waits in a channel now", run_run},
    {"shutdown", "shutdown [service ...]", "the same as stop", run_stop},
    {"start", "start [service ...]", "starts the MTA's services, or those named", run_start},
    {"stop", "stop [service ...]", "stops the MTA's services, or those named", run_stop},
    {"submit", "submit channel [host|@domain|poll]", "the same as run", run_run},
    {"submit_master", "submit_master channel [host|@domain|poll]", "the same as run", run_run},
    {"test",
     "test -rewrite [-channel=C] [-destination_channel=C] [-from=A] [-sender=A] [-check_expansions] address "
     "...\n"
     "       imsimta test -mapping [-table=T] [-mapping_file=F] [-flags=L] [-input=F] string\n"
     "       imsimta test -match -pattern=P -target=S\n"
     "       imsimta test -url ldap:///base?attributes?scope?filter\n"
     "       imsimta test -domain_map domain ...",
     "shows what happens to an address, a mapping probe or a pattern, and what the directory says", run_test},
    {"trace", "trace [-json] [-limit=N] queue-id|session-id|address",
     "shows the way of a message, from its connection to where it is now", run_trace},
    {"version", "version", "prints the version and the published build", run_version},
    {"view", "view [-f=n|-l=n] file", "prints a version of a log file", run_view},
};

std::string_view bare(std::string_view word) {
  if (word.starts_with("--")) return word.substr(2);
  return word.starts_with("-") ? word.substr(1) : std::string_view{};
}

}  // namespace

std::span<const Command> commands() {
  return kCommands;
}

bool Arguments::take(std::string_view name, std::string* value) {
  for (auto word = words_.begin(); word != words_.end(); ++word) {
    const auto text = bare(*word);
    if (text.empty()) continue;
    const auto equals = text.find('=');
    if (!iequals(text.substr(0, equals), name)) continue;
    if (value) *value = equals == text.npos ? "" : std::string(text.substr(equals + 1));
    words_.erase(word);
    return true;
  }
  return false;
}

bool Arguments::take_pair(std::string_view name, std::string& value) {
  for (auto word = words_.begin(); word != words_.end(); ++word) {
    if (!iequals(bare(*word), name) || word + 1 == words_.end()) continue;
    value = *(word + 1);
    words_.erase(word, word + 2);
    return true;
  }
  return take(name, &value);
}

std::string Arguments::take_word() {
  for (auto word = words_.begin(); word != words_.end(); ++word) {
    if (!bare(*word).empty()) continue;
    auto text = *word;
    words_.erase(word);
    return text;
  }
  return "";
}

Result<> Arguments::finish(std::string_view usage) const {
  if (words_.empty()) return {};
  return permanent("\"" + printable(words_[0]) + "\" is not understood; usage: imsimta " +
                   std::string(usage));
}

}  // namespace waxwing::imsimta
