import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

/** A peer on the JDK's TLS and HTTP client, as the reference servers and Java information systems are. See test_java_peer.py. */
public class JavaPeer {
    static final class TrustAll extends X509ExtendedTrustManager {
        public void checkClientTrusted(X509Certificate[] c, String a) {}
        public void checkServerTrusted(X509Certificate[] c, String a) {}
        public void checkClientTrusted(X509Certificate[] c, String a, Socket s) {}
        public void checkServerTrusted(X509Certificate[] c, String a, Socket s) {}
        public void checkClientTrusted(X509Certificate[] c, String a, SSLEngine s) {}
        public void checkServerTrusted(X509Certificate[] c, String a, SSLEngine s) {}
        public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
    }

    static SSLContext context(String file) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(new FileInputStream(file), "x".toCharArray());
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(store, "x".toCharArray());
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), new TrustManager[] {new TrustAll()}, null);
        return context;
    }

    /** plain PORT: the JDK's HTTP client, which offers HTTP/2 with its first request. */
    static void plain(int port) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        String base = "http://127.0.0.1:" + port;
        for (int i = 0; i < 2; i++) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(base + "/small"))
                .POST(HttpRequest.BodyPublishers.ofString("hello")).build();
            HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.println(response.statusCode() + " " + response.body());
        }
        HttpRequest request = HttpRequest.newBuilder(URI.create(base + "/large")).expectContinue(true)
            .POST(HttpRequest.BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(new byte[3_000_000]))).build();
        HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(response.statusCode() + " " + response.body());
    }

    /** client PORT KEYSTORE PROTOCOL SUITES: three connections, one request each. */
    static void client(int port, SSLContext context, String protocol, String suites) throws Exception {
        for (int i = 0; i < 3; i++) {
            SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", port);
            socket.setEnabledProtocols(new String[] {protocol});
            socket.setEnabledCipherSuites(suites.split(","));
            OutputStream out = socket.getOutputStream();
            byte[] body = new byte[200_000];
            String head = "POST /tls HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: " + body.length + "\r\n\r\n";
            out.write(head.getBytes());
            out.write(body);
            String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
            System.out.println(answer.substring(answer.indexOf("\r\n\r\n") + 4));
            socket.close();
        }
    }

    /** server KEYSTORE PROTOCOL SUITES: prints its port, answers each connection's first request and closes. */
    static void server(SSLContext context, String protocol, String suites) throws Exception {
        SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0);
        listener.setNeedClientAuth(true);
        listener.setEnabledProtocols(new String[] {protocol});
        listener.setEnabledCipherSuites(suites.split(","));
        System.out.println(listener.getLocalPort());
        while (true) {
            SSLSocket socket = (SSLSocket) listener.accept();
            InputStream in = socket.getInputStream();
            StringBuilder head = new StringBuilder();
            while (head.indexOf("\r\n\r\n") < 0) {
                head.append((char) in.read());
            }
            var session = socket.getSession();
            String said = session.getPeerCertificates().length + " " + session.getCreationTime();
            String answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + said.length() + "\r\n\r\n" + said;
            socket.getOutputStream().write(answer.getBytes());
            socket.close();
        }
    }

    public static void main(String[] a) throws Exception {
        switch (a[0]) {
            case "plain" -> plain(Integer.parseInt(a[1]));
            case "client" -> client(Integer.parseInt(a[1]), context(a[2]), a[3], a[4]);
            case "server" -> server(context(a[1]), a[2], a[3]);
            default -> throw new IllegalArgumentException(a[0]);
        }
    }
}
